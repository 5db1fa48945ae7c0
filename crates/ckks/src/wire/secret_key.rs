//! Secret keys as files: two bits a coefficient.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::WireError;
use super::container::{self, Object, PayloadReader, PayloadWriter};
use super::parameters::KeyHeader;
use crate::keys::SecretKey;
use crate::parameters::Parameters;

impl Object for SecretKey {
    fn header(&self) -> KeyHeader {
        self.parameters().key_header(self.key_set())
    }

    fn payload_len(parameters: &Parameters, _: &KeyHeader) -> u64 {
        parameters.degree() as u64 / 4
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        out.bytes(&pack(self.coefficients()))
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: KeyHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let mut packed = Zeroizing::new(vec![0; parameters.degree() / 4]);
        payload.payload(&mut packed)?;
        let coefficients = unpack(&packed).ok_or(WireError::SecretCoefficient)?;
        Ok(Self::from_coefficients(
            parameters,
            header.key_set,
            coefficients,
        ))
    }
}

/// Coefficient 4 i + k as c + 1 in bits 2 k and 2 k + 1 of byte i.
fn pack(coefficients: &[i64]) -> Zeroizing<Vec<u8>> {
    let byte = |four: &[i64]| {
        let places = four.iter().zip([0, 2, 4, 6]);
        places.fold(0, |byte, (&c, shift)| byte | ((c + 1) as u8) << shift)
    };
    Zeroizing::new(coefficients.chunks_exact(4).map(byte).collect())
}

/// `None` if a coefficient is 2, that is 3 in the packed form. Does not branch on any other.
fn unpack(packed: &[u8]) -> Option<Zeroizing<Vec<i64>>> {
    let mut coefficients = Zeroizing::new(Vec::with_capacity(4 * packed.len()));
    let mut threes = 0;
    for &byte in packed {
        threes |= byte & (byte >> 1) & 0b0101_0101;
        coefficients.extend([0, 2, 4, 6].map(|shift| ((byte >> shift) & 3) as i64 - 1));
    }
    // Only a damaged file has one, and no more is said of it.
    (threes == 0).then_some(coefficients)
}

impl SecretKey {
    /// The key as the bytes of a file, wiped when dropped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(container::to_bytes(self))
    }

    /// Writes the key and flushes. Whatever buffers the writer has are not wiped.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, writer: impl Write) -> io::Result<()> {
        container::write(self, writer)
    }
}

super::typed!(SecretKey, KeyHeader);
super::self_contained_methods!(SecretKey, "secret key");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bits_a_coefficient() {
        assert_eq!(*pack(&[-1, 0, 1, -1]), [0b00_10_01_00]);
        let coefficients = [1, 1, 0, -1, -1, 0, 1, 0];
        assert_eq!(*unpack(&pack(&coefficients)).unwrap(), coefficients);
        for shift in [0, 2, 4, 6] {
            assert!(unpack(&[0b01_01_01_01, 3 << shift]).is_none());
            assert!(unpack(&[2 << shift]).is_some());
        }
    }
}
