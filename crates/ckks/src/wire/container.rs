//! The container that every file is: who made it, what it holds, for which parameters, and a
//! checksum over all of it. `docs/wire-format.md` has the layout.
//!
//! Nothing is allocated for a length that a file merely claims: headers are capped, payloads must
//! have the length that header and parameters imply, and buffers grow with the bytes that arrive.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tapetum_ring::packing::{pack, packed_len, unpack};
use tapetum_ring::sampling::Seed;
use tapetum_ring::{Basis, Evaluation, Poly};
use zeroize::Zeroize;

use super::error::WireError;
use super::file_type::FileType;
use crate::parameters::{Digest, Parameters};

const MAGIC: [u8; 8] = *b"TAPETUM\0";
/// The format that this code writes, and the newest that it reads.
pub const FORMAT_VERSION: u16 = 1;
/// Most bytes of a header.
pub(super) const MAX_HEADER_LEN: usize = 1 << 20;
/// Most bytes of a payload.
pub(super) const MAX_PAYLOAD_LEN: u64 = 1 << 40;
/// Bytes of everything except header and payload.
pub(super) const FRAME_LEN: usize = MAGIC.len() + 2 + 2 + 4 + 32 + 8 + CHECKSUM_LEN;
const CHECKSUM_LEN: usize = 32;

/// What has a type of files, and parameters. The macros of `methods.rs` implement it.
pub(super) trait Typed: Sized {
    const TYPE: FileType;
    /// What the payload is, as far as the parameters do not say it.
    type Header: Serialize + DeserializeOwned;

    fn parameters(&self) -> &Parameters;
}

/// What can be a file.
pub(super) trait Object: Typed {
    fn header(&self) -> Self::Header;

    /// Whether an object with this header can exist.
    fn check(_parameters: &Parameters, _header: &Self::Header) -> Result<(), WireError> {
        Ok(())
    }

    /// The length of the payload that a checked header describes.
    fn payload_len(parameters: &Parameters, header: &Self::Header) -> u64;

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()>;

    /// Reads exactly [`payload_len`](Self::payload_len) bytes, unless it fails.
    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: Self::Header,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError>;
}

pub(super) fn to_bytes<T: Object>(object: &T) -> Vec<u8> {
    // The exact size, so that the bytes of a secret key are not left behind by a reallocation.
    let len = file_len::<T>(object.parameters(), &object.header());
    let mut bytes = Vec::with_capacity(len as usize);
    write(object, &mut bytes).expect("writing to memory does not fail");
    bytes
}

/// The size of the file of an object with this header.
pub(super) fn file_len<T: Object>(parameters: &Parameters, header: &T::Header) -> u64 {
    (FRAME_LEN + encode(header).len()) as u64 + T::payload_len(parameters, header)
}

pub(super) fn write<T: Object>(object: &T, writer: impl Write) -> io::Result<()> {
    let header = object.header();
    let encoded = encode(&header);
    let payload_len = T::payload_len(object.parameters(), &header);
    assert!(
        encoded.len() <= MAX_HEADER_LEN && payload_len <= MAX_PAYLOAD_LEN,
        "objects are too small for that, or checked when they are made"
    );
    let mut out = PayloadWriter {
        inner: writer,
        hasher: blake3::Hasher::new(),
        buffer: Vec::new(),
    };
    out.bytes(&MAGIC)?;
    out.bytes(&FORMAT_VERSION.to_le_bytes())?;
    out.bytes(&T::TYPE.tag().to_le_bytes())?;
    out.bytes(&(encoded.len() as u32).to_le_bytes())?;
    out.bytes(&object.parameters().digest().to_bytes())?;
    out.bytes(&encoded)?;
    out.bytes(&payload_len.to_le_bytes())?;
    object.write_payload(&mut out)?;
    let checksum = out.hasher.finalize();
    out.hasher.zeroize();
    out.inner.write_all(checksum.as_bytes())?;
    out.inner.flush()
}

/// `parameters` finds the parameters from the digest and the header of the file.
pub(super) fn from_bytes<T: Object>(
    mut bytes: &[u8],
    parameters: impl FnOnce(Digest, &T::Header) -> Result<Parameters, WireError>,
) -> Result<T, WireError> {
    let object = read(&mut bytes, parameters)?;
    match bytes.len() {
        0 => Ok(object),
        more => Err(WireError::TrailingBytes(more as u64)),
    }
}

/// As [`from_bytes`], leaving in the reader what follows the object.
pub(super) fn read<T: Object>(
    reader: impl Read,
    parameters: impl FnOnce(Digest, &T::Header) -> Result<Parameters, WireError>,
) -> Result<T, WireError> {
    read_with::<T, _, _>(reader, parameters, T::read_payload)
}

/// As [`read`], with something else made of the payload, all of which `read_payload` reads.
pub(super) fn read_with<T: Object, R: Read, O>(
    reader: R,
    parameters: impl FnOnce(Digest, &T::Header) -> Result<Parameters, WireError>,
    read_payload: impl FnOnce(&Parameters, T::Header, &mut PayloadReader<R>) -> Result<O, WireError>,
) -> Result<O, WireError> {
    let (front, mut source) = Front::read(reader)?;
    if front.file_type != T::TYPE {
        return Err(WireError::WrongType {
            expected: T::TYPE,
            found: front.file_type,
        });
    }
    let header = decode(&front.header)?;
    let parameters = parameters(front.digest, &header)?;
    T::check(&parameters, &header)?;
    let expected = T::payload_len(&parameters, &header);
    if front.payload_len != expected {
        return Err(WireError::PayloadLength {
            expected,
            found: front.payload_len,
        });
    }
    source.remaining = expected;
    match read_payload(&parameters, header, &mut source) {
        Err(error) if error.ends_reading() => Err(error),
        // A bad residue in a damaged file is damage, so the checksum comes first.
        object => source.finish().and(object),
    }
}

/// For objects whose parameters the caller knows.
pub(super) fn same_digest(parameters: &Parameters, found: Digest) -> Result<Parameters, WireError> {
    let expected = parameters.digest();
    if found == expected {
        Ok(parameters.clone())
    } else {
        Err(WireError::WrongParameters { expected, found })
    }
}

/// Where the payload begins in the file of an object with this header.
pub(super) fn payload_start(header: &impl Serialize) -> u64 {
    (FRAME_LEN - CHECKSUM_LEN + encode(header).len()) as u64
}

/// Everything in front of the payload.
pub(super) struct Front {
    pub file_type: FileType,
    pub version: u16,
    pub digest: Digest,
    pub header: Vec<u8>,
    pub payload_len: u64,
}

impl Front {
    pub fn read<R: Read>(reader: R) -> Result<(Self, PayloadReader<R>), WireError> {
        let mut source = PayloadReader {
            inner: reader,
            hasher: blake3::Hasher::new(),
            buffer: Vec::new(),
            remaining: 0,
        };
        source.fill_buffer(MAGIC.len())?;
        if !MAGIC.starts_with(&source.buffer) {
            return Err(WireError::NotTapetum);
        }
        if source.buffer.len() < MAGIC.len() {
            return Err(WireError::Truncated("front"));
        }
        let version = u16::from_le_bytes(source.array("front")?);
        match version {
            0 => return Err(WireError::UnknownVersion(0)),
            FORMAT_VERSION => {}
            found => {
                return Err(WireError::NewerVersion {
                    found,
                    supported: FORMAT_VERSION,
                });
            }
        }
        let tag = u16::from_le_bytes(source.array("front")?);
        let file_type = FileType::from_tag(tag).ok_or(WireError::UnknownType(tag))?;
        let header_len = u32::from_le_bytes(source.array("front")?);
        if header_len as usize > MAX_HEADER_LEN {
            return Err(WireError::Oversized {
                part: "header",
                found: header_len.into(),
                allowed: MAX_HEADER_LEN as u64,
            });
        }
        let digest = Digest::from_bytes(source.array("front")?);
        let header = source.vec(header_len as usize, "header")?;
        let payload_len = u64::from_le_bytes(source.array("front")?);
        if payload_len > MAX_PAYLOAD_LEN {
            return Err(WireError::Oversized {
                part: "payload",
                found: payload_len,
                allowed: MAX_PAYLOAD_LEN,
            });
        }
        let front = Self {
            file_type,
            version,
            digest,
            header,
            payload_len,
        };
        Ok((front, source))
    }
}

pub(super) fn encode(header: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(header).expect("headers are plain data")
}

/// Only the encoding that [`encode`] makes is accepted: an object has one file.
pub(super) fn decode<H: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<H, WireError> {
    let header = postcard::from_bytes(bytes)
        .map_err(|_| WireError::Header("it is not that of this type of file"))?;
    if encode(&header) == bytes {
        Ok(header)
    } else {
        Err(WireError::Header("it is not in its shortest form"))
    }
}

/// Writes and hashes a payload.
pub(super) struct PayloadWriter<W> {
    inner: W,
    hasher: blake3::Hasher,
    /// Of one packed polynomial.
    buffer: Vec<u8>,
}

impl<W: Write> PayloadWriter<W> {
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }

    pub fn seed(&mut self, seed: Seed) -> io::Result<()> {
        self.bytes(&seed.to_bytes())
    }

    pub fn poly(&mut self, poly: &Poly<Evaluation>) -> io::Result<()> {
        self.buffer.clear();
        pack(poly, &mut self.buffer);
        self.hasher.update(&self.buffer);
        self.inner.write_all(&self.buffer)
    }
}

/// Reads and hashes a payload.
pub(super) struct PayloadReader<R> {
    inner: R,
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    /// Bytes of the payload that have not been read.
    remaining: u64,
}

impl<R: Read> PayloadReader<R> {
    /// Fills `out`, which has been allocated and so must be small.
    pub fn payload(&mut self, out: &mut [u8]) -> Result<(), WireError> {
        self.fill(out, "payload")?;
        self.remaining -= out.len() as u64;
        Ok(())
    }

    /// `len` bytes in a buffer that grows as they arrive.
    pub fn payload_vec(&mut self, len: usize) -> Result<Vec<u8>, WireError> {
        let bytes = self.vec(len, "payload")?;
        self.remaining -= len as u64;
        Ok(bytes)
    }

    pub fn seed(&mut self) -> Result<Seed, WireError> {
        let mut bytes = [0; 32];
        self.payload(&mut bytes)?;
        Ok(Seed::from_bytes(bytes))
    }

    pub fn poly(&mut self, basis: &Basis) -> Result<Poly<Evaluation>, WireError> {
        let packed = self.payload_vec(packed_len(basis))?;
        let poly = unpack(basis, &packed);
        self.buffer = packed;
        Ok(poly?)
    }

    /// A polynomial that is checked and hashed, but not kept.
    pub fn skim_poly(&mut self, basis: &Basis, hash: &mut blake3::Hasher) -> Result<(), WireError> {
        let packed = self.payload_vec(packed_len(basis))?;
        hash.update(&packed);
        let poly = unpack::<Evaluation>(basis, &packed);
        self.buffer = packed;
        poly?;
        Ok(())
    }

    /// The rest of the payload, and the checksum.
    fn finish(mut self) -> Result<(), WireError> {
        let mut rest = (&mut self.inner).take(self.remaining);
        if io::copy(&mut rest, &mut self.hasher)? < self.remaining {
            return Err(WireError::Truncated("payload"));
        }
        let expected = self.hasher.finalize();
        self.hasher.zeroize();
        let found: [u8; CHECKSUM_LEN] = self.array("checksum")?;
        if found == *expected.as_bytes() {
            Ok(())
        } else {
            Err(WireError::Checksum)
        }
    }

    fn array<const LEN: usize>(&mut self, part: &'static str) -> Result<[u8; LEN], WireError> {
        let mut bytes = [0; LEN];
        self.fill(&mut bytes, part)?;
        Ok(bytes)
    }

    fn fill(&mut self, out: &mut [u8], part: &'static str) -> Result<(), WireError> {
        self.inner.read_exact(out).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => WireError::Truncated(part),
            _ => e.into(),
        })?;
        self.hasher.update(out);
        Ok(())
    }

    fn vec(&mut self, len: usize, part: &'static str) -> Result<Vec<u8>, WireError> {
        self.fill_buffer(len)?;
        if self.buffer.len() < len {
            return Err(WireError::Truncated(part));
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    /// The next `len` bytes, or as many as there are.
    fn fill_buffer(&mut self, len: usize) -> Result<(), WireError> {
        self.buffer.clear();
        (&mut self.inner)
            .take(len as u64)
            .read_to_end(&mut self.buffer)?;
        self.hasher.update(&self.buffer);
        Ok(())
    }
}
