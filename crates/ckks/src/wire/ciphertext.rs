//! Ciphertexts and plaintexts as files.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tapetum_ring::sampling::uniform;

use super::WireError;
use super::container::PayloadWriter;
use super::residues::{self, OfResidues, Residues, Shape};
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

impl OfResidues for Ciphertext {
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

    fn shape<'a>(parameters: &'a Parameters, header: &CiphertextHeader) -> Shape<'a> {
        let parts = 1 + usize::from(header.degree);
        Shape {
            basis: parameters.q(header.level as usize),
            count: parts - usize::from(header.seeded),
            is_seeded: header.seeded,
        }
    }

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        let unseeded = self.parts().len() - usize::from(self.is_seeded());
        residues::write(&self.parts()[..unseeded], self.seed(), out)
    }

    fn from_residues(parameters: &Parameters, header: CiphertextHeader, found: Residues) -> Self {
        let mut parts = found.polys;
        let Some(seed) = found.seed else {
            return Self::new(parameters, parts, header.scale);
        };
        parts.push(uniform(parameters.q(header.level as usize), seed));
        Self::new(parameters, parts, header.scale).with_seed(seed)
    }
}

impl OfResidues for Plaintext {
    fn header(&self) -> PlaintextHeader {
        PlaintextHeader {
            level: self.level() as u32,
            scale: self.scale(),
        }
    }

    fn check(parameters: &Parameters, header: &PlaintextHeader) -> Result<(), WireError> {
        check_level_and_scale(parameters, header.level, header.scale)
    }

    fn shape<'a>(parameters: &'a Parameters, header: &PlaintextHeader) -> Shape<'a> {
        Shape {
            basis: parameters.q(header.level as usize),
            count: 1,
            is_seeded: false,
        }
    }

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        out.poly(self.poly())
    }

    fn from_residues(parameters: &Parameters, header: PlaintextHeader, found: Residues) -> Self {
        let mut polys = found.polys;
        Self::new(parameters, polys.remove(0), header.scale)
    }
}

super::bound_methods!(Ciphertext, CiphertextHeader, "ciphertext");
super::bound_methods!(Plaintext, PlaintextHeader, "plaintext");
