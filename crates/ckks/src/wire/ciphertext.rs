//! Ciphertexts and plaintexts as files.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use tapetum_ring::packing::packed_len;
use tapetum_ring::sampling::uniform;

use super::container::{Object, PayloadReader, PayloadWriter};
use super::{FileType, WireError};
use crate::ciphertext::Ciphertext;
use crate::parameters::Parameters;
use crate::plaintext::Plaintext;

/// The header of a ciphertext, also of those in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CiphertextHeader {
    /// How many rescalings it can take.
    pub level: u32,
    /// 1 or 2.
    pub degree: u8,
    /// Whether c1 is written as a seed.
    pub seeded: bool,
    /// The factor between slots and encrypted numbers.
    pub scale: f64,
}

/// The header of a plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaintextHeader {
    /// The level of ciphertexts that it can be combined with.
    pub level: u32,
    /// The factor between slots and encoded numbers.
    pub scale: f64,
}

/// The level of a header, once it is known to exist.
pub(super) fn check_level(parameters: &Parameters, level: u32) -> Result<usize, WireError> {
    let max = parameters.max_level();
    match usize::try_from(level) {
        Ok(level) if level <= max => Ok(level),
        _ => Err(WireError::Level { found: level, max }),
    }
}

fn check_level_and_scale(parameters: &Parameters, level: u32, scale: f64) -> Result<(), WireError> {
    let log_q = parameters.log_q(check_level(parameters, level)?);
    if scale >= 1.0 && scale.log2() <= log_q {
        Ok(())
    } else {
        Err(WireError::Scale { scale, log_q })
    }
}

impl Object for Ciphertext {
    const TYPE: FileType = FileType::Ciphertext;
    type Header = CiphertextHeader;

    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn header(&self) -> CiphertextHeader {
        CiphertextHeader {
            level: self.level() as u32,
            degree: self.degree() as u8,
            seeded: self.is_seeded(),
            scale: self.scale(),
        }
    }

    fn check(parameters: &Parameters, header: &CiphertextHeader) -> Result<(), WireError> {
        check_level_and_scale(parameters, header.level, header.scale)?;
        match (header.degree, header.seeded) {
            (1, _) | (2, false) => Ok(()),
            (2, true) => Err(WireError::Header("only a ciphertext of degree 1 is seeded")),
            _ => Err(WireError::Header(
                "the degree of a ciphertext must be 1 or 2",
            )),
        }
    }

    fn payload_len(parameters: &Parameters, header: &CiphertextHeader) -> u64 {
        let part = packed_len(parameters.q(header.level as usize)) as u64;
        match header.seeded {
            true => part + 32,
            false => part * (1 + u64::from(header.degree)),
        }
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        match self.seed() {
            Some(seed) => {
                out.poly(&self.parts()[0])?;
                out.seed(seed)
            }
            None => self.parts().iter().try_for_each(|part| out.poly(part)),
        }
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: CiphertextHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let basis = parameters.q(header.level as usize);
        if header.seeded {
            let c0 = payload.poly(basis)?;
            let seed = payload.seed()?;
            let parts = vec![c0, uniform(basis, seed)];
            return Ok(Self::new(parameters, parts, header.scale).with_seed(seed));
        }
        let parts = (0..=header.degree)
            .map(|_| payload.poly(basis))
            .collect::<Result<_, _>>()?;
        Ok(Self::new(parameters, parts, header.scale))
    }
}

impl Object for Plaintext {
    const TYPE: FileType = FileType::Plaintext;
    type Header = PlaintextHeader;

    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn header(&self) -> PlaintextHeader {
        PlaintextHeader {
            level: self.level() as u32,
            scale: self.scale(),
        }
    }

    fn check(parameters: &Parameters, header: &PlaintextHeader) -> Result<(), WireError> {
        check_level_and_scale(parameters, header.level, header.scale)
    }

    fn payload_len(parameters: &Parameters, header: &PlaintextHeader) -> u64 {
        packed_len(parameters.q(header.level as usize)) as u64
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        out.poly(self.poly())
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: PlaintextHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let poly = payload.poly(parameters.q(header.level as usize))?;
        Ok(Self::new(parameters, poly, header.scale))
    }
}

super::bound_methods!(Ciphertext, "ciphertext");
super::bound_methods!(Plaintext, "plaintext");
