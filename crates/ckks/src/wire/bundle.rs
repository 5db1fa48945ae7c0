//! Many ciphertexts and what an application has to say about them, in one file.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::WireError;
use super::ciphertext::CiphertextHeader;
use super::container::{self, MAX_HEADER_LEN, Object, PayloadReader, PayloadWriter};
use super::residues::OfResidues;
use crate::ciphertext::Ciphertext;
use crate::parameters::Parameters;

/// Most bytes of an application's metadata.
pub const MAX_METADATA_LEN: usize = 1 << 24;
/// Most ciphertexts of a bundle.
pub const MAX_CIPHERTEXTS: usize = 1 << 20;
const MAX_KIND_LEN: usize = 64;

/// A list of ciphertexts of the same parameters with metadata of an application: an encrypted
/// matrix, a model, scores.
///
/// The *kind* says what the application stored; [`into_contents`](Self::into_contents) asks for
/// it by name. The metadata are bytes that this crate does not look into; they are not encrypted,
/// and parsers must treat them as hostile.
///
/// ```
/// use tapetum_ckks::wire::Bundle;
/// use tapetum_ckks::{Parameters, Preset};
///
/// let parameters = Parameters::preset(Preset::N12);
/// let bundle = Bundle::new(&parameters, "scores", b"columns: 2".as_slice(), vec![])?;
/// let read = Bundle::from_bytes(&parameters, &bundle.to_bytes())?;
/// let (metadata, ciphertexts) = read.into_contents("scores")?;
/// assert_eq!((metadata.as_slice(), ciphertexts.len()), (b"columns: 2".as_slice(), 0));
/// # Ok::<(), tapetum_ckks::wire::WireError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Bundle<'a> {
    parameters: Parameters,
    kind: String,
    metadata: Cow<'a, [u8]>,
    ciphertexts: Cow<'a, [Ciphertext]>,
}

/// The header of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BundleHeader {
    /// What the application stored.
    pub kind: String,
    /// Bytes of metadata.
    pub metadata_len: u32,
    /// The ciphertexts, in order, neighbours with equal headers together.
    pub runs: Vec<CiphertextRun>,
}

/// Neighbouring ciphertexts with equal headers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CiphertextRun {
    /// How many.
    pub count: u32,
    /// Of which form.
    pub header: CiphertextHeader,
}

impl BundleHeader {
    /// The number of ciphertexts.
    pub fn ciphertexts(&self) -> u64 {
        self.runs.iter().map(|run| u64::from(run.count)).sum()
    }

    /// Bytes that the ciphertexts take in memory, where seeds have become polynomials and residues words. A file may
    /// claim any number of them.
    ///
    /// # Errors
    /// [`WireError`] if these parameters have no such ciphertexts.
    pub fn expanded_bytes(&self, parameters: &Parameters) -> Result<u64, WireError> {
        let mut bytes = 0_u64;
        for run in &self.runs {
            <Ciphertext as OfResidues>::check(parameters, &run.header)?;
            let each = Ciphertext::shape(parameters, &run.header).expanded_bytes();
            bytes = bytes.saturating_add(each.saturating_mul(run.count.into()));
        }
        Ok(bytes)
    }

    /// So that a kind can be shown even if it is hostile.
    pub(super) fn check_kind(&self) -> Result<(), WireError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=MAX_KIND_LEN).contains(&self.kind.len()) && self.kind.bytes().all(allowed) {
            Ok(())
        } else {
            Err(WireError::Kind)
        }
    }
}

impl<'a> Bundle<'a> {
    /// Bundles ciphertexts, borrowed or owned.
    ///
    /// # Errors
    /// * [`WireError::Kind`] unless `kind` is 1 to 64 lower-case letters, digits and hyphens.
    /// * [`WireError::WrongParameters`] if a ciphertext does not belong to `parameters`.
    /// * [`WireError::Oversized`] for more than [`MAX_METADATA_LEN`] bytes of metadata, more than
    ///   [`MAX_CIPHERTEXTS`] ciphertexts, or a header over 1 MiB, which takes many
    ///   thousands of neighbours that differ in level, degree or scale.
    pub fn new(
        parameters: &Parameters,
        kind: &str,
        metadata: impl Into<Cow<'a, [u8]>>,
        ciphertexts: impl Into<Cow<'a, [Ciphertext]>>,
    ) -> Result<Self, WireError> {
        let bundle = Self {
            parameters: parameters.clone(),
            kind: kind.to_owned(),
            metadata: metadata.into(),
            ciphertexts: ciphertexts.into(),
        };
        for ciphertext in bundle.ciphertexts.iter() {
            container::same_digest(parameters, ciphertext.parameters().digest())?;
        }
        check_size("metadata", bundle.metadata.len(), MAX_METADATA_LEN)?;
        check_size("bundle", bundle.ciphertexts.len(), MAX_CIPHERTEXTS)?;
        let header = bundle.header();
        Self::check(parameters, &header)?;
        check_size("header", container::encode(&header).len(), MAX_HEADER_LEN)?;
        Ok(bundle)
    }

    /// Reads one bundle and checks it to the last residue, as [`read`](Self::read) does, but keeps no ciphertext: one
    /// at a time is in memory. `judge` gets header and metadata before the first, and if it refuses them none is
    /// looked at.
    ///
    /// # Errors
    /// As [`read`](Self::read); inside are those of `judge`.
    pub fn skim<T, E>(
        parameters: &Parameters,
        reader: impl Read,
        judge: impl FnOnce(&BundleHeader, &[u8]) -> Result<T, E>,
    ) -> Result<Result<T, E>, WireError> {
        let known = |digest, _: &BundleHeader| container::same_digest(parameters, digest);
        container::read_with::<Self, _, _>(reader, known, |parameters, header, payload| {
            let metadata = payload.payload_vec(header.metadata_len as usize)?;
            let judged = judge(&header, &metadata);
            if judged.is_ok() {
                for run in &header.runs {
                    let shape = Ciphertext::shape(parameters, &run.header);
                    (0..run.count).try_for_each(|_| shape.skim(payload))?;
                }
            }
            Ok(judged)
        })
    }

    /// The parameters of all ciphertexts.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What the application stored.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The metadata.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// The ciphertexts in order.
    pub fn ciphertexts(&self) -> &[Ciphertext] {
        &self.ciphertexts
    }

    /// Metadata and ciphertexts, if they are of this kind.
    ///
    /// # Errors
    /// [`WireError::WrongKind`] if they are of another.
    pub fn into_contents(self, kind: &str) -> Result<(Vec<u8>, Vec<Ciphertext>), WireError> {
        if self.kind != kind {
            return Err(WireError::WrongKind {
                expected: kind.to_owned(),
                found: self.kind,
            });
        }
        Ok((self.metadata.into_owned(), self.ciphertexts.into_owned()))
    }
}

fn check_size(part: &'static str, found: usize, allowed: usize) -> Result<(), WireError> {
    if found <= allowed {
        return Ok(());
    }
    Err(WireError::Oversized {
        part,
        found: found as u64,
        allowed: allowed as u64,
    })
}

impl Object for Bundle<'_> {
    fn header(&self) -> BundleHeader {
        let mut runs: Vec<CiphertextRun> = Vec::new();
        for header in self.ciphertexts.iter().map(Object::header) {
            match runs.last_mut() {
                Some(run) if run.header == header => run.count += 1,
                _ => runs.push(CiphertextRun { count: 1, header }),
            }
        }
        BundleHeader {
            kind: self.kind.clone(),
            metadata_len: self.metadata.len() as u32,
            runs,
        }
    }

    fn check(parameters: &Parameters, header: &BundleHeader) -> Result<(), WireError> {
        header.check_kind()?;
        check_size("metadata", header.metadata_len as usize, MAX_METADATA_LEN)?;
        // At most 2^16 runs of less than 2^32 do not overflow.
        check_size("bundle", header.ciphertexts() as usize, MAX_CIPHERTEXTS)?;
        let mut last = None;
        for run in &header.runs {
            <Ciphertext as Object>::check(parameters, &run.header)?;
            if run.count == 0 || last.replace(run.header) == Some(run.header) {
                return Err(WireError::Header("a run of ciphertexts is empty or split"));
            }
        }
        Ok(())
    }

    fn payload_len(parameters: &Parameters, header: &BundleHeader) -> u64 {
        let run_len = |run: &CiphertextRun| {
            u64::from(run.count) * Ciphertext::payload_len(parameters, &run.header)
        };
        u64::from(header.metadata_len) + header.runs.iter().map(run_len).sum::<u64>()
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        out.bytes(&self.metadata)?;
        self.ciphertexts
            .iter()
            .try_for_each(|ciphertext| ciphertext.write_payload(out))
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: BundleHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let metadata = payload.payload_vec(header.metadata_len as usize)?;
        // Grows as ciphertexts arrive.
        let mut ciphertexts = Vec::new();
        for run in header.runs {
            for _ in 0..run.count {
                ciphertexts.push(Ciphertext::read_payload(parameters, run.header, payload)?);
            }
        }
        Ok(Self {
            parameters: parameters.clone(),
            kind: header.kind,
            metadata: metadata.into(),
            ciphertexts: ciphertexts.into(),
        })
    }
}

impl fmt::Debug for Bundle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("kind", &self.kind)
            .field("metadata_len", &self.metadata.len())
            .field("ciphertexts", &self.ciphertexts.len())
            .field("parameters", &self.parameters.digest())
            .finish()
    }
}

super::bound_methods!(Bundle<'_>, BundleHeader, "bundle");
