//! Payloads that are polynomials over one basis: those of ciphertexts, plaintexts and keys.

use std::io::{self, Read, Write};

use tapetum_ring::packing::packed_len;
use tapetum_ring::sampling::Seed;
use tapetum_ring::{Basis, Evaluation, Poly, Residue};

use super::WireError;
use super::container::{Object, PayloadReader, PayloadWriter, Typed};
use crate::parameters::Parameters;

/// How many polynomials over which basis.
pub(super) struct Shape<'a> {
    pub basis: &'a Basis,
    pub count: usize,
    /// Whether the seed of one more, which is uniform, follows them.
    pub is_seeded: bool,
}

impl Shape<'_> {
    /// The bytes that they take.
    pub fn bytes(&self) -> u64 {
        let polys = self.count as u64 * packed_len(self.basis) as u64;
        polys + if self.is_seeded { 32 } else { 0 }
    }

    /// Bytes of the same in memory, where a seed has become a polynomial.
    pub fn expanded_bytes(&self) -> u64 {
        let polys = self.count as u64 + u64::from(self.is_seeded);
        polys * (self.basis.len() * self.basis.degree() * size_of::<Residue>()) as u64
    }

    /// Reads and checks them, and keeps none.
    pub fn skim(&self, payload: &mut PayloadReader<impl Read>) -> Result<(), WireError> {
        (0..self.count).try_for_each(|_| payload.poly(self.basis).map(drop))?;
        if self.is_seeded {
            payload.seed()?;
        }
        Ok(())
    }

    pub fn read(&self, payload: &mut PayloadReader<impl Read>) -> Result<Residues, WireError> {
        let polys = (0..self.count).map(|_| payload.poly(self.basis));
        Ok(Residues {
            polys: polys.collect::<Result<_, _>>()?,
            seed: self.is_seeded.then(|| payload.seed()).transpose()?,
        })
    }
}

/// What is read.
pub(super) struct Residues {
    pub polys: Vec<Poly<Evaluation>>,
    /// There if the shape is seeded.
    pub seed: Option<Seed>,
}

impl Residues {
    /// The polynomials, and the seed of a shape that has one.
    pub fn seeded(self) -> (Seed, Vec<Poly<Evaluation>>) {
        (self.seed.expect("the shape is seeded"), self.polys)
    }
}

pub(super) fn write<'a>(
    polys: impl IntoIterator<Item = &'a Poly<Evaluation>>,
    seed: Option<Seed>,
    out: &mut PayloadWriter<impl Write>,
) -> io::Result<()> {
    polys.into_iter().try_for_each(|poly| out.poly(poly))?;
    seed.map_or(Ok(()), |seed| out.seed(seed))
}

/// An object whose payload has one shape.
pub(super) trait OfResidues: Typed {
    fn header(&self) -> Self::Header;

    fn check(_parameters: &Parameters, _header: &Self::Header) -> Result<(), WireError> {
        Ok(())
    }

    fn shape<'a>(parameters: &'a Parameters, header: &Self::Header) -> Shape<'a>;

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()>;

    /// From residues of its shape, with a checked header.
    fn from_residues(parameters: &Parameters, header: Self::Header, residues: Residues) -> Self;
}

impl<T: OfResidues> Object for T {
    fn header(&self) -> Self::Header {
        OfResidues::header(self)
    }

    fn check(parameters: &Parameters, header: &Self::Header) -> Result<(), WireError> {
        <T as OfResidues>::check(parameters, header)
    }

    fn payload_len(parameters: &Parameters, header: &Self::Header) -> u64 {
        T::shape(parameters, header).bytes()
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        self.write_residues(out)
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: Self::Header,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let residues = T::shape(parameters, &header).read(payload)?;
        Ok(T::from_residues(parameters, header, residues))
    }
}
