//! Public keys as files.

use std::io::{self, Write};

use super::container::PayloadWriter;
use super::parameters::KeyHeader;
use super::residues::{self, OfResidues, Residues, Shape};
use crate::keys::PublicKey;
use crate::parameters::Parameters;

impl OfResidues for PublicKey {
    fn header(&self) -> KeyHeader {
        self.parameters().key_header(self.key_set())
    }

    fn shape<'a>(parameters: &'a Parameters, _: &KeyHeader) -> Shape<'a> {
        Shape {
            basis: parameters.q(parameters.message_level()),
            count: 1,
            is_seeded: true,
        }
    }

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        residues::write([self.b()], Some(self.seed()), out)
    }

    fn from_residues(parameters: &Parameters, header: KeyHeader, residues: Residues) -> Self {
        let (seed, mut polys) = residues.seeded();
        Self::new(parameters, header.key_set, seed, polys.remove(0))
    }
}

super::writing_methods!(PublicKey, KeyHeader, "public key");
super::self_contained_methods!(PublicKey, "public key");
