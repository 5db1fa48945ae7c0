//! Public keys as files.

use std::io::{self, Read, Write};

use tapetum_ring::packing::packed_len;

use super::container::{Object, PayloadReader, PayloadWriter};
use super::parameters::ParametersHeader;
use super::{FileType, WireError};
use crate::keys::PublicKey;
use crate::parameters::Parameters;

impl Object for PublicKey {
    const TYPE: FileType = FileType::PublicKey;
    type Header = ParametersHeader;

    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn header(&self) -> ParametersHeader {
        self.parameters().header()
    }

    fn check(_: &Parameters, _: &ParametersHeader) -> Result<(), WireError> {
        Ok(())
    }

    fn payload_len(parameters: &Parameters, _: &ParametersHeader) -> u64 {
        packed_len(parameters.q(parameters.message_level())) as u64 + 32
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        out.poly(self.b())?;
        out.seed(self.seed())
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        _: ParametersHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let b = payload.poly(parameters.q(parameters.message_level()))?;
        let seed = payload.seed()?;
        Ok(Self::new(parameters, seed, b))
    }
}

super::writing_methods!(PublicKey, "public key");
super::self_contained_methods!(PublicKey, "public key");
