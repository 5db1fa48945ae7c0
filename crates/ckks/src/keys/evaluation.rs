//! What the server holds: keys that let it multiply and rotate, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tapetum_ring::{Automorphism, GaloisElement};

use super::{EncapsulationKey, KeyPlan, KeySource, KeyUnavailable, SwitchingKey};
use crate::id::Id;
use crate::parameters::Parameters;
use crate::wire::KeyFile;

/// Brings a product of degree 2 back to degree 1: from s^2 to s.
#[derive(Clone, PartialEq)]
pub struct RelinearizationKey {
    parameters: Parameters,
    key: KeySource,
}

impl RelinearizationKey {
    pub(crate) fn new(parameters: &Parameters, key: impl Into<KeySource>) -> Self {
        Self {
            parameters: parameters.clone(),
            key: key.into(),
        }
    }

    /// The parameters that the key belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The highest level at which it can be used.
    pub fn level(&self) -> usize {
        self.key.level()
    }

    pub(crate) fn key(&self) -> Result<Arc<SwitchingKey>, KeyUnavailable> {
        self.key.fetch()
    }
}

/// Lets a server apply one automorphism X -> X^g: a rotation or the conjugation of the slots.
///
/// The key leads from s to the inverse image of s, so that the automorphism is applied once, to
/// the switched ciphertext, and not to each digit (Bossuat et al., 2021, section 4.2).
#[derive(Clone)]
pub struct GaloisKey {
    parameters: Parameters,
    automorphism: Automorphism,
    key: KeySource,
}

impl GaloisKey {
    pub(crate) fn new(
        parameters: &Parameters,
        element: GaloisElement,
        key: impl Into<KeySource>,
    ) -> Self {
        Self {
            parameters: parameters.clone(),
            automorphism: Automorphism::new(element),
            key: key.into(),
        }
    }

    /// The parameters that the key belongs to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The highest level at which it can be used.
    pub fn level(&self) -> usize {
        self.key.level()
    }

    /// The automorphism that it is for.
    pub fn element(&self) -> GaloisElement {
        self.automorphism.element()
    }

    pub(crate) fn automorphism(&self) -> &Automorphism {
        &self.automorphism
    }

    pub(crate) fn key(&self) -> Result<Arc<SwitchingKey>, KeyUnavailable> {
        self.key.fetch()
    }
}

/// A set of evaluation keys of one secret key.
#[derive(Clone)]
pub struct EvaluationKeys {
    parameters: Parameters,
    key_set: Option<Id>,
    relinearization: Option<RelinearizationKey>,
    galois: BTreeMap<GaloisElement, GaloisKey>,
    encapsulation: Option<EncapsulationKey>,
}

impl EvaluationKeys {
    /// The empty set: enough for sums and products with plaintexts.
    pub fn none(parameters: &Parameters) -> Self {
        Self {
            parameters: parameters.clone(),
            key_set: None,
            relinearization: None,
            galois: BTreeMap::new(),
            encapsulation: None,
        }
    }

    /// The same, as keys of this key set.
    pub(crate) fn of_key_set(self, key_set: Option<Id>) -> Self {
        Self { key_set, ..self }
    }

    /// The id of the secret key that they were made from, if that has one.
    pub fn key_set(&self) -> Option<Id> {
        self.key_set
    }

    /// The caller guarantees that the key belongs to the same parameters.
    pub(crate) fn set_relinearization(&mut self, key: RelinearizationKey) {
        self.relinearization = Some(key);
    }

    /// The caller guarantees that the key belongs to the same parameters.
    pub(crate) fn insert_galois(&mut self, key: GaloisKey) {
        self.galois.insert(key.element(), key);
    }

    /// The caller guarantees that the key belongs to the same parameters.
    pub(crate) fn set_encapsulation(&mut self, key: EncapsulationKey) {
        self.encapsulation = Some(key);
    }

    /// The parameters that the keys belong to.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The relinearisation key, if the set has one.
    pub fn relinearization(&self) -> Option<&RelinearizationKey> {
        self.relinearization.as_ref()
    }

    /// The key for this automorphism, if the set has one.
    pub fn galois(&self, element: GaloisElement) -> Option<&GaloisKey> {
        self.galois.get(&element)
    }

    /// All Galois keys, in the order of their elements.
    pub fn galois_keys(&self) -> impl ExactSizeIterator<Item = &GaloisKey> {
        self.galois.values()
    }

    /// The encapsulation key of bootstrapping, if the set has one.
    pub fn encapsulation(&self) -> Option<&EncapsulationKey> {
        self.encapsulation.as_ref()
    }

    /// The memory that the residues of its keys take at the moment: all of them if they were made
    /// or read into memory, those that are expanded if the set was
    /// [opened](Self::open) in its file.
    pub fn memory_bytes(&self) -> u64 {
        let sources = || self.sources();
        let file = sources().find_map(KeySource::file);
        sources().map(KeySource::own_bytes).sum::<u64>() + file.map_or(0, KeyFile::memory_bytes)
    }

    /// Whether these keys of the set may be in memory at the same time.
    pub(crate) fn fit_together<'a>(&self, keys: impl Iterator<Item = &'a GaloisKey>) -> bool {
        let mut bytes = 0;
        let mut budget = u64::MAX;
        for key in keys {
            if let Some(file) = key.key.file() {
                budget = file.budget();
                bytes += SwitchingKey::memory_bytes_at(&self.parameters, key.level());
            }
        }
        bytes <= budget
    }

    /// All keys of a set are in memory or in one file.
    fn sources(&self) -> impl Iterator<Item = &KeySource> {
        let relinearization = self.relinearization.iter().map(|key| &key.key);
        let galois = self.galois.values().map(|key| &key.key);
        let encapsulation = self
            .encapsulation
            .iter()
            .flat_map(EncapsulationKey::sources);
        relinearization.chain(galois).chain(encapsulation)
    }

    /// Whether the set holds every key of a plan, each up to the level that the plan asks for.
    pub fn covers(&self, plan: &KeyPlan) -> bool {
        let reaches = |held: Option<usize>, wanted: usize| held.is_some_and(|held| held >= wanted);
        let relinearization = self.relinearization().map(RelinearizationKey::level);
        let galois_level = |element| self.galois(element).map(GaloisKey::level);
        plan.relinearization_level()
            .is_none_or(|wanted| reaches(relinearization, wanted))
            && plan
                .galois_levels()
                .all(|(element, wanted)| reaches(galois_level(element), wanted))
            && (self.encapsulation.is_some() || !plan.wants_encapsulation())
    }
}

impl fmt::Debug for EvaluationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationKeys")
            .field("parameters", &self.parameters.digest())
            .field("relinearization", &self.relinearization.is_some())
            .field("galois", &self.galois.len())
            .field("encapsulation", &self.encapsulation.is_some())
            .finish()
    }
}
