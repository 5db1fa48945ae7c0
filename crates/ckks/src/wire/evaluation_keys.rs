//! Evaluation keys as files: relinearisation and Galois keys, one by one or as a set.

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tapetum_ring::GaloisElement;
use tapetum_ring::packing::packed_len;

use super::ciphertext::check_level;
use super::container::{self, Object, PayloadReader, PayloadWriter};
use super::self_contained::SelfContained;
use super::{FileType, WireError};
use crate::keys::{
    EncapsulationKey, EvaluationKeys, GaloisKey, KeyError, KeyPlan, KeyUnavailable,
    RelinearizationKey, SwitchingKey, check_sparse_security, sparse_basis,
};
use crate::parameters::{Parameters, ParametersLiteral};

/// The header of a relinearisation key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelinearizationKeyHeader {
    /// The highest level at which the key can be used.
    pub level: u32,
}

/// The header of a Galois key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GaloisKeyHeader {
    /// The g of X -> X^g: odd and below 2N.
    pub exponent: u32,
    /// The highest level at which the key can be used.
    pub level: u32,
}

/// The header of a set of evaluation keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationKeysHeader {
    /// The parameters as they were written down.
    pub literal: ParametersLiteral,
    /// The relinearisation key, if there is one.
    pub relinearization: Option<RelinearizationKeyHeader>,
    /// The Galois keys, with increasing exponents.
    pub galois: Vec<GaloisKeyHeader>,
    /// Whether there is an encapsulation key, which always serves the highest level.
    pub encapsulation: bool,
}

impl SelfContained for EvaluationKeysHeader {
    fn literal(&self) -> &ParametersLiteral {
        &self.literal
    }
}

pub(super) fn switching_key_len(parameters: &Parameters, level: u32) -> u64 {
    let level = level as usize;
    let digits = parameters.decomposer(level).count() as u64;
    digits * packed_len(parameters.qp(level)) as u64 + 32
}

fn write_switching_key<W: Write>(
    key: Result<Arc<SwitchingKey>, KeyUnavailable>,
    out: &mut PayloadWriter<W>,
) -> io::Result<()> {
    let key = key.map_err(io::Error::other)?;
    for b in key.b() {
        out.poly(b)?;
    }
    out.seed(key.seed())
}

fn read_switching_key<R: Read>(
    parameters: &Parameters,
    level: u32,
    payload: &mut PayloadReader<R>,
) -> Result<SwitchingKey, WireError> {
    let level = level as usize;
    let b = (0..parameters.decomposer(level).count())
        .map(|_| payload.poly(parameters.qp(level)))
        .collect::<Result<_, _>>()?;
    Ok(SwitchingKey::new(level, payload.seed()?, b))
}

pub(super) fn key_to_sparse_len(parameters: &Parameters) -> u64 {
    packed_len(&sparse_basis(parameters)) as u64 + 32
}

/// Two switching keys: one digit over q_0 p_0 to the sparse secret, an ordinary one back.
fn encapsulation_key_len(parameters: &Parameters) -> u64 {
    key_to_sparse_len(parameters) + switching_key_len(parameters, parameters.max_level() as u32)
}

fn write_encapsulation_key<W: Write>(
    key: &EncapsulationKey,
    out: &mut PayloadWriter<W>,
) -> io::Result<()> {
    let mut sources = key.sources().into_iter();
    sources.try_for_each(|source| write_switching_key(source.fetch(), out))
}

pub(super) fn read_key_to_sparse<R: Read>(
    parameters: &Parameters,
    payload: &mut PayloadReader<R>,
) -> Result<SwitchingKey, WireError> {
    let b = vec![payload.poly(&sparse_basis(parameters))?];
    Ok(SwitchingKey::new(0, payload.seed()?, b))
}

fn read_encapsulation_key<R: Read>(
    parameters: &Parameters,
    payload: &mut PayloadReader<R>,
) -> Result<EncapsulationKey, WireError> {
    let to_sparse = read_key_to_sparse(parameters, payload)?;
    let to_dense = read_switching_key(parameters, parameters.max_level() as u32, payload)?;
    Ok(EncapsulationKey::new(parameters, to_sparse, to_dense))
}

impl KeyPlan {
    /// The size of the file that the set of these keys will be.
    ///
    /// # Errors
    /// [`KeyError`] if these parameters cannot have the keys.
    pub fn file_bytes(&self, parameters: &Parameters) -> Result<u64, KeyError> {
        self.check(parameters)?;
        let relinearization = self.relinearization_level();
        let header = EvaluationKeysHeader {
            literal: parameters.literal().clone(),
            relinearization: relinearization.map(|level| RelinearizationKeyHeader {
                level: level as u32,
            }),
            galois: self
                .galois_levels()
                .map(|(element, level)| GaloisKeyHeader {
                    exponent: element.exponent(),
                    level: level as u32,
                })
                .collect(),
            encapsulation: self.wants_encapsulation(),
        };
        Ok(container::file_len::<EvaluationKeys>(parameters, &header))
    }
}

pub(super) fn element(parameters: &Parameters, exponent: u32) -> Result<GaloisElement, WireError> {
    GaloisElement::from_exponent(exponent, parameters.log_n())
        .ok_or(WireError::GaloisElement(exponent))
}

impl Object for RelinearizationKey {
    const TYPE: FileType = FileType::RelinearizationKey;
    type Header = RelinearizationKeyHeader;

    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn header(&self) -> RelinearizationKeyHeader {
        RelinearizationKeyHeader {
            level: self.level() as u32,
        }
    }

    fn check(parameters: &Parameters, header: &RelinearizationKeyHeader) -> Result<(), WireError> {
        check_level(parameters, header.level).map(|_| ())
    }

    fn payload_len(parameters: &Parameters, header: &RelinearizationKeyHeader) -> u64 {
        switching_key_len(parameters, header.level)
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        write_switching_key(self.key(), out)
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: RelinearizationKeyHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let key = read_switching_key(parameters, header.level, payload)?;
        Ok(Self::new(parameters, key))
    }
}

impl Object for GaloisKey {
    const TYPE: FileType = FileType::GaloisKey;
    type Header = GaloisKeyHeader;

    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn header(&self) -> GaloisKeyHeader {
        GaloisKeyHeader {
            exponent: self.element().exponent(),
            level: self.level() as u32,
        }
    }

    fn check(parameters: &Parameters, header: &GaloisKeyHeader) -> Result<(), WireError> {
        element(parameters, header.exponent)?;
        check_level(parameters, header.level).map(|_| ())
    }

    fn payload_len(parameters: &Parameters, header: &GaloisKeyHeader) -> u64 {
        switching_key_len(parameters, header.level)
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        write_switching_key(self.key(), out)
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: GaloisKeyHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let element = element(parameters, header.exponent)?;
        let key = read_switching_key(parameters, header.level, payload)?;
        Ok(Self::new(parameters, element, key))
    }
}

impl Object for EvaluationKeys {
    const TYPE: FileType = FileType::EvaluationKeys;
    type Header = EvaluationKeysHeader;

    fn parameters(&self) -> &Parameters {
        self.parameters()
    }

    fn header(&self) -> EvaluationKeysHeader {
        EvaluationKeysHeader {
            literal: self.parameters().literal().clone(),
            relinearization: self.relinearization().map(Object::header),
            galois: self.galois_keys().map(Object::header).collect(),
            encapsulation: self.encapsulation().is_some(),
        }
    }

    fn check(parameters: &Parameters, header: &EvaluationKeysHeader) -> Result<(), WireError> {
        if let Some(relinearization) = &header.relinearization {
            RelinearizationKey::check(parameters, relinearization)?;
        }
        for galois in &header.galois {
            GaloisKey::check(parameters, galois)?;
        }
        if header.encapsulation {
            check_sparse_security(parameters)
                .map_err(|_| WireError::Header("these parameters have no encapsulation key"))?;
        }
        let mut pairs = header.galois.windows(2);
        if pairs.all(|pair| pair[0].exponent < pair[1].exponent) {
            Ok(())
        } else {
            Err(WireError::Header(
                "the exponents of the Galois keys do not increase",
            ))
        }
    }

    fn payload_len(parameters: &Parameters, header: &EvaluationKeysHeader) -> u64 {
        let relinearization = header.relinearization.map(|key| key.level);
        let galois = header.galois.iter().map(|key| key.level);
        relinearization
            .into_iter()
            .chain(galois)
            .map(|level| switching_key_len(parameters, level))
            .chain(
                header
                    .encapsulation
                    .then(|| encapsulation_key_len(parameters)),
            )
            .sum()
    }

    fn write_payload<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        if let Some(key) = self.relinearization() {
            key.write_payload(out)?;
        }
        self.galois_keys()
            .try_for_each(|key| key.write_payload(out))?;
        match self.encapsulation() {
            Some(key) => write_encapsulation_key(key, out),
            None => Ok(()),
        }
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: EvaluationKeysHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let mut keys = Self::none(parameters);
        if let Some(header) = header.relinearization {
            let key = RelinearizationKey::read_payload(parameters, header, payload)?;
            keys.set_relinearization(key);
        }
        for header in header.galois {
            keys.insert_galois(GaloisKey::read_payload(parameters, header, payload)?);
        }
        if header.encapsulation {
            keys.set_encapsulation(read_encapsulation_key(parameters, payload)?);
        }
        Ok(keys)
    }
}

super::bound_methods!(RelinearizationKey, "relinearisation key");
super::bound_methods!(GaloisKey, "Galois key");
super::writing_methods!(EvaluationKeys, "set of keys");
super::self_contained_methods!(EvaluationKeys, "set of keys");
