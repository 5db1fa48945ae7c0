//! Files whose lengths, digest and checksum are put right before they are read. Otherwise hardly
//! any input would get past them, and what lies behind would never be tried.

use std::path::Path;
use std::sync::LazyLock;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::{Bundle, Header, WireError, inspect};
use tapetum_learn::LearnError;

const MAGIC: &[u8; 8] = b"TAPETUM\0";
const FRONT: usize = 48;
const CHECKSUM: usize = 32;
/// Longer payloads are left wrong: the time is better spent on other headers.
const MAX_PAYLOAD: u64 = 2 << 20;
/// Rings above this take seconds and hundreds of megabytes to prepare.
const MAX_LOG_N: u32 = 13;
/// Rings above this do not exist, which is found at once.
const MAX_KNOWN_LOG_N: u32 = 17;

/// The parameters of the known-answer files.
pub fn parameters() -> &'static Parameters {
    static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
        let bytes = include_bytes!("../../tests/vectors/parameters.bin");
        Parameters::from_bytes(bytes).expect("a known-answer file")
    });
    &PARAMETERS
}

/// A bundle of these parameters, of up to so many bytes of ciphertexts, that comes out of `again` as it was.
pub fn comes_back(
    data: &[u8],
    (parameters, most): (&Parameters, u64),
    again: impl FnOnce(Bundle<'_>) -> Result<Vec<u8>, LearnError>,
) -> bool {
    let Some(draft) = Draft::of(data) else {
        return false;
    };
    let read = |bytes: &[u8]| Bundle::from_bytes(parameters, bytes);
    let (bytes, Some(bundle)) = draft.fitted_up_to(most, read) else {
        return false;
    };
    match again(bundle) {
        Ok(again) => {
            assert_eq!(again, bytes);
            true
        }
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}

/// The parts of a file that are not put right.
#[derive(Clone)]
pub struct Draft {
    version_and_type: [u8; 4],
    digest: [u8; 32],
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl Draft {
    /// The parts of bytes that are long enough to have them.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (front, rest) = bytes.split_at_checked(FRONT)?;
        let header_len = u32::from_le_bytes(front[12..16].try_into().ok()?) as usize;
        let (header, rest) = rest.split_at(header_len.min(rest.len()));
        let payload = rest.get(8..).unwrap_or_default();
        let end = payload.len().saturating_sub(CHECKSUM);
        Some(Self {
            version_and_type: front[8..12].try_into().ok()?,
            digest: front[16..48].try_into().ok()?,
            header: header.to_vec(),
            payload: payload[..end].to_vec(),
        })
    }

    /// Drafts of all objects in a file, each of which begins with the magic.
    pub fn all_of(bytes: &[u8]) -> Vec<Self> {
        let mut starts: Vec<_> = bytes
            .windows(MAGIC.len())
            .enumerate()
            .filter(|(_, window)| window == MAGIC)
            .map(|(at, _)| at)
            .collect();
        starts.push(bytes.len());
        let objects = starts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        objects.filter_map(Self::of).collect()
    }

    /// The file with only the first bytes of its payload: a seed.
    pub fn cut(mut self, payload: usize) -> Vec<u8> {
        self.payload.truncate(payload);
        self.bytes()
    }

    /// The file with lengths and a checksum that fit.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.version_and_type);
        bytes.extend((self.header.len() as u32).to_le_bytes());
        bytes.extend(self.digest);
        bytes.extend(&self.header);
        bytes.extend((self.payload.len() as u64).to_le_bytes());
        bytes.extend(&self.payload);
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }

    /// The file with the digest and the payload's length that `read` asks for, as far as its header
    /// allows, and what `read` makes of it.
    pub fn fitted<T>(self, read: impl Fn(&[u8]) -> Result<T, WireError>) -> (Vec<u8>, Option<T>) {
        self.fitted_up_to(MAX_PAYLOAD, read)
    }

    /// The same for payloads up to some length.
    pub fn fitted_up_to<T>(
        mut self,
        longest: u64,
        read: impl Fn(&[u8]) -> Result<T, WireError>,
    ) -> (Vec<u8>, Option<T>) {
        let mut bytes = self.bytes();
        if is_large(&bytes) {
            return (bytes, None);
        }
        // Digest, length, and once more to succeed.
        for _ in 0..3 {
            match read(&bytes) {
                Err(WireError::WrongParameters { expected, .. }) => {
                    self.digest = expected.to_bytes();
                }
                Err(WireError::DigestMismatch { computed, .. }) => {
                    self.digest = computed.to_bytes();
                }
                Err(WireError::PayloadLength { expected, .. }) if expected <= longest => {
                    self.payload.resize(expected as usize, 0);
                }
                other => {
                    let _ = other.as_ref().map_err(ToString::to_string);
                    return (bytes, other.ok());
                }
            }
            bytes = self.bytes();
        }
        (bytes, None)
    }
}

/// Whether a file brings parameters along that are slow to prepare.
pub fn is_large(bytes: &[u8]) -> bool {
    let literal = match inspect(bytes).map(|summary| summary.header) {
        Ok(Header::Parameters(h)) => h.literal,
        Ok(Header::SecretKey(h) | Header::PublicKey(h)) => h.literal,
        Ok(Header::EvaluationKeys(h)) => h.literal,
        _ => return false,
    };
    (MAX_LOG_N + 1..=MAX_KNOWN_LOG_N).contains(&literal.log_n)
}

/// A temporary folder, in memory if possible: files are many, and the service waits for the disk.
pub fn folder() -> tempfile::TempDir {
    let made = match Path::new("/dev/shm") {
        memory if memory.is_dir() => tempfile::tempdir_in(memory),
        _ => tempfile::tempdir(),
    };
    made.expect("a temporary folder")
}

/// Calls `read` with the path of a file with these bytes.
pub fn with_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let folder = folder();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).expect("a temporary file");
    read(&path)
}
