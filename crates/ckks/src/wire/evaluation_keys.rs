//! Evaluation keys as files: relinearisation and Galois keys, one by one or as a set.

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tapetum_ring::{Basis, GaloisElement};

use super::WireError;
use super::ciphertext::check_level;
use super::container::{self, Object, PayloadReader, PayloadWriter};
use super::residues::{self, OfResidues, Residues, Shape};
use super::self_contained::with_literal;
use crate::id::{Id, at_end};
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
    /// What all keys from one secret key have in common.
    #[serde(with = "at_end")]
    pub key_set: Option<Id>,
}

with_literal!(EvaluationKeysHeader);

/// A key with one polynomial for each digit, and a seed.
pub(super) fn switching_key(parameters: &Parameters, level: u32) -> Shape<'_> {
    let level = level as usize;
    Shape {
        basis: parameters.qp(level),
        count: parameters.decomposer(level).count(),
        is_seeded: true,
    }
}

/// The key to the sparse secret: one digit over q_0 p_0, which is the `basis`.
pub(super) fn key_to_sparse(basis: &Basis) -> Shape<'_> {
    Shape {
        basis,
        count: 1,
        is_seeded: true,
    }
}

fn write_switching_key(
    key: Result<Arc<SwitchingKey>, KeyUnavailable>,
    out: &mut PayloadWriter<impl Write>,
) -> io::Result<()> {
    let key = key.map_err(io::Error::other)?;
    residues::write(key.b(), Some(key.seed()), out)
}

impl SwitchingKey {
    /// From residues of its shape.
    pub(super) fn from_residues(level: u32, found: Residues) -> Self {
        let (seed, b) = found.seeded();
        Self::new(level as usize, seed, b)
    }
}

/// Two switching keys: one to the sparse secret, an ordinary one back.
fn encapsulation_key_len(parameters: &Parameters) -> u64 {
    let to_dense = switching_key(parameters, parameters.max_level() as u32);
    key_to_sparse(&sparse_basis(parameters)).bytes() + to_dense.bytes()
}

fn read_encapsulation_key(
    parameters: &Parameters,
    payload: &mut PayloadReader<impl Read>,
) -> Result<EncapsulationKey, WireError> {
    let to_sparse = key_to_sparse(&sparse_basis(parameters)).read(payload)?;
    let to_sparse = SwitchingKey::from_residues(0, to_sparse);
    let level = parameters.max_level() as u32;
    let to_dense = switching_key(parameters, level).read(payload)?;
    let to_dense = SwitchingKey::from_residues(level, to_dense);
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
            key_set: Some(Id::ANY),
        };
        Ok(container::file_len::<EvaluationKeys>(parameters, &header))
    }
}

pub(super) fn element(parameters: &Parameters, exponent: u32) -> Result<GaloisElement, WireError> {
    GaloisElement::from_exponent(exponent, parameters.log_n())
        .ok_or(WireError::GaloisElement(exponent))
}

impl OfResidues for RelinearizationKey {
    fn header(&self) -> RelinearizationKeyHeader {
        RelinearizationKeyHeader {
            level: self.level() as u32,
        }
    }

    fn check(parameters: &Parameters, header: &RelinearizationKeyHeader) -> Result<(), WireError> {
        check_level(parameters, header.level).map(|_| ())
    }

    fn shape<'a>(parameters: &'a Parameters, header: &RelinearizationKeyHeader) -> Shape<'a> {
        switching_key(parameters, header.level)
    }

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        write_switching_key(self.key(), out)
    }

    fn from_residues(
        parameters: &Parameters,
        header: RelinearizationKeyHeader,
        found: Residues,
    ) -> Self {
        let key = SwitchingKey::from_residues(header.level, found);
        Self::new(parameters, key)
    }
}

impl OfResidues for GaloisKey {
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

    fn shape<'a>(parameters: &'a Parameters, header: &GaloisKeyHeader) -> Shape<'a> {
        switching_key(parameters, header.level)
    }

    fn write_residues<W: Write>(&self, out: &mut PayloadWriter<W>) -> io::Result<()> {
        write_switching_key(self.key(), out)
    }

    fn from_residues(parameters: &Parameters, header: GaloisKeyHeader, found: Residues) -> Self {
        let element = element(parameters, header.exponent).expect("the header has been checked");
        let key = SwitchingKey::from_residues(header.level, found);
        Self::new(parameters, element, key)
    }
}

impl Object for EvaluationKeys {
    fn header(&self) -> EvaluationKeysHeader {
        EvaluationKeysHeader {
            literal: self.parameters().literal().clone(),
            relinearization: self.relinearization().map(Object::header),
            galois: self.galois_keys().map(Object::header).collect(),
            encapsulation: self.encapsulation().is_some(),
            key_set: self.key_set(),
        }
    }

    fn check(parameters: &Parameters, header: &EvaluationKeysHeader) -> Result<(), WireError> {
        if let Some(relinearization) = &header.relinearization {
            <RelinearizationKey as Object>::check(parameters, relinearization)?;
        }
        for galois in &header.galois {
            <GaloisKey as Object>::check(parameters, galois)?;
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
            .map(|level| switching_key(parameters, level).bytes())
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
            Some(key) => key
                .sources()
                .into_iter()
                .try_for_each(|source| write_switching_key(source.fetch(), out)),
            None => Ok(()),
        }
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        header: EvaluationKeysHeader,
        payload: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        let mut keys = Self::none(parameters).of_key_set(header.key_set);
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

super::bound_methods!(
    RelinearizationKey,
    RelinearizationKeyHeader,
    "relinearisation key"
);
super::bound_methods!(GaloisKey, GaloisKeyHeader, "Galois key");
super::writing_methods!(EvaluationKeys, EvaluationKeysHeader, "set of keys");
super::self_contained_methods!(EvaluationKeys, "set of keys");
