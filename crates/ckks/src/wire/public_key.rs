//! Public keys as files.

use std::io::{self, Write};

use super::container::{Object, PayloadWriter};
use super::parameters::ParametersHeader;
use super::residues::{self, OfResidues, Residues, Shape};
use crate::keys::PublicKey;
use crate::parameters::Parameters;

impl OfResidues for PublicKey {
    fn header(&self) -> ParametersHeader {
        self.parameters().header()
    }

    fn shape<'a>(parameters: &'a Parameters, _: &ParametersHeader) -> Shape<'a> {
        Shape {
            basis: parameters.q(parameters.message_level()),
            count: 1,
            is_seeded: true,
        }
    }

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        residues::write([self.b()], Some(self.seed()), out)
    }

    fn from_residues(parameters: &Parameters, _: ParametersHeader, residues: Residues) -> Self {
        let (seed, mut polys) = residues.seeded();
        Self::new(parameters, seed, polys.remove(0))
    }
}

super::writing_methods!(PublicKey, ParametersHeader, "public key");
super::self_contained_methods!(PublicKey, "public key");
