//! What the server holds: keys that let it multiply and rotate, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tapetum_ring::{Automorphism, GaloisElement};

use super::SwitchingKey;
use crate::parameters::Parameters;

/// Brings a product of degree 2 back to degree 1: from s^2 to s.
#[derive(Clone, PartialEq)]
pub struct RelinearizationKey {
    parameters: Parameters,
    key: SwitchingKey,
}

impl RelinearizationKey {
    pub(crate) fn new(parameters: &Parameters, key: SwitchingKey) -> Self {
        Self {
            parameters: parameters.clone(),
            key,
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

    pub(crate) fn key(&self) -> &SwitchingKey {
        &self.key
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
    key: SwitchingKey,
}

impl GaloisKey {
    pub(crate) fn new(parameters: &Parameters, element: GaloisElement, key: SwitchingKey) -> Self {
        Self {
            parameters: parameters.clone(),
            automorphism: Automorphism::new(element),
            key,
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

    pub(crate) fn key(&self) -> &SwitchingKey {
        &self.key
    }
}

/// Which evaluation keys a computation needs, and up to which level.
///
/// ```
/// use tapetum_ckks::{KeyPlan, Parameters, Preset};
///
/// let parameters = Parameters::preset(Preset::N13);
/// let plan = KeyPlan::new(&parameters).relinearization().rotations([1, 2, 4, -1]);
/// assert_eq!(plan.len(), 5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlan {
    log_n: u32,
    level: usize,
    relinearization: bool,
    elements: BTreeSet<GaloisElement>,
}

impl KeyPlan {
    /// No key yet; those that are added will serve up to the highest level of messages.
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            log_n: parameters.log_n(),
            level: parameters.message_level(),
            relinearization: false,
            elements: BTreeSet::new(),
        }
    }

    /// Makes the keys for ciphertexts of at most this level: smaller ones.
    pub fn up_to_level(mut self, level: usize) -> Self {
        self.level = level;
        self
    }

    /// Adds the relinearisation key.
    pub fn relinearization(mut self) -> Self {
        self.relinearization = true;
        self
    }

    /// Adds keys for rotations by these steps to the left; a rotation by nothing needs none.
    pub fn rotations(mut self, steps: impl IntoIterator<Item = i64>) -> Self {
        let identity = GaloisElement::rotation(0, self.log_n);
        let elements = steps
            .into_iter()
            .map(|k| GaloisElement::rotation(k, self.log_n));
        self.elements.extend(elements.filter(|&g| g != identity));
        self
    }

    /// Adds the key for the conjugation.
    pub fn conjugation(mut self) -> Self {
        self.elements.insert(GaloisElement::conjugation(self.log_n));
        self
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        usize::from(self.relinearization) + self.elements.len()
    }

    /// Whether no key is asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest level at which the keys can be used.
    pub fn level(&self) -> usize {
        self.level
    }

    pub(crate) fn wants_relinearization(&self) -> bool {
        self.relinearization
    }

    pub(crate) fn elements(&self) -> &BTreeSet<GaloisElement> {
        &self.elements
    }
}

/// A set of evaluation keys of one secret key.
#[derive(Clone)]
pub struct EvaluationKeys {
    parameters: Parameters,
    relinearization: Option<RelinearizationKey>,
    galois: BTreeMap<GaloisElement, GaloisKey>,
}

impl EvaluationKeys {
    /// The empty set: enough for sums and products with plaintexts.
    pub fn none(parameters: &Parameters) -> Self {
        Self {
            parameters: parameters.clone(),
            relinearization: None,
            galois: BTreeMap::new(),
        }
    }

    /// The caller guarantees that the key belongs to the same parameters.
    pub(crate) fn set_relinearization(&mut self, key: RelinearizationKey) {
        self.relinearization = Some(key);
    }

    /// The caller guarantees that the key belongs to the same parameters.
    pub(crate) fn insert_galois(&mut self, key: GaloisKey) {
        self.galois.insert(key.element(), key);
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

    /// Whether the set holds every key of a plan, up to the plan's level.
    pub fn covers(&self, plan: &KeyPlan) -> bool {
        let reaches = |level: usize| level >= plan.level;
        let relinearization = self.relinearization.as_ref();
        (!plan.relinearization || relinearization.is_some_and(|k| reaches(k.level())))
            && plan
                .elements
                .iter()
                .all(|g| self.galois.get(g).is_some_and(|k| reaches(k.level())))
    }
}

impl fmt::Debug for EvaluationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluationKeys")
            .field("parameters", &self.parameters.digest())
            .field("relinearization", &self.relinearization.is_some())
            .field("galois", &self.galois.len())
            .finish()
    }
}
