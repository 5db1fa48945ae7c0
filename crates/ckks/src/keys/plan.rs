//! Which keys a computation needs, and what they will weigh, before any is made.

use std::collections::BTreeMap;

use tapetum_ring::{GaloisElement, Residue};

use super::{KeyError, SwitchingKey, check_sparse_security};
use crate::parameters::Parameters;

/// Which evaluation keys a computation needs, and up to which level each.
///
/// A key for lower levels is smaller, by about the square of the level, and faster to make.
///
/// ```
/// use tapetum_ckks::{KeyPlan, Parameters, Preset};
///
/// let parameters = Parameters::preset(Preset::N13);
/// let first = KeyPlan::new(&parameters).relinearization().rotations([1, 2, 4, -1]);
/// let second = KeyPlan::new(&parameters).up_to_level(1).rotations([1, 8]);
/// let plan = first.join(&second);
/// assert_eq!(plan.len(), 6);
/// // Only the rotation by 8 has been added, for the levels 0 and 1.
/// let added = plan.memory_bytes(&parameters)? - first.memory_bytes(&parameters)?;
/// assert_eq!(added, 2 * 2 * 3 * 8192 * 8); // digits, halves, primes, coefficients, bytes
/// # Ok::<(), tapetum_ckks::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlan {
    log_n: u32,
    /// Of the keys that are added from now on.
    level: usize,
    relinearization: Option<usize>,
    galois: BTreeMap<GaloisElement, usize>,
    encapsulation: bool,
}

impl KeyPlan {
    /// No key yet; those that are added will serve up to the highest level of messages.
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            log_n: parameters.log_n(),
            level: parameters.message_level(),
            relinearization: None,
            galois: BTreeMap::new(),
            encapsulation: false,
        }
    }

    /// Makes all keys, those in the plan and those that are added to it later, for ciphertexts of
    /// at most this level. The encapsulation key keeps levels of its own.
    pub fn up_to_level(mut self, level: usize) -> Self {
        self.level = level;
        let present = self.relinearization.iter_mut();
        present
            .chain(self.galois.values_mut())
            .for_each(|l| *l = level);
        self
    }

    /// Adds the relinearisation key.
    pub fn relinearization(mut self) -> Self {
        raise(self.relinearization.get_or_insert(0), self.level);
        self
    }

    /// Adds keys for rotations by these steps to the left; a rotation by nothing needs none.
    pub fn rotations(mut self, steps: impl IntoIterator<Item = i64>) -> Self {
        let identity = GaloisElement::rotation(0, self.log_n);
        for k in steps {
            let element = GaloisElement::rotation(k, self.log_n);
            if element != identity {
                self.add_galois(element, self.level);
            }
        }
        self
    }

    /// Adds the key for the conjugation.
    pub fn conjugation(mut self) -> Self {
        self.add_galois(GaloisElement::conjugation(self.log_n), self.level);
        self
    }

    /// Adds the encapsulation key of bootstrapping.
    pub fn encapsulation(mut self) -> Self {
        self.encapsulation = true;
        self
    }

    /// The keys of both plans, each up to the higher of its two levels. So it is for keys that are
    /// added to the joined plan: they get the higher of the levels that they would get in either.
    ///
    /// # Panics
    /// If the plans are for different ring degrees.
    pub fn join(&self, other: &Self) -> Self {
        assert_eq!(self.log_n, other.log_n, "plans for different ring degrees");
        let mut joined = self.clone();
        raise(&mut joined.level, other.level);
        if let Some(level) = other.relinearization {
            raise(joined.relinearization.get_or_insert(0), level);
        }
        joined.encapsulation |= other.encapsulation;
        for (&element, &level) in &other.galois {
            joined.add_galois(element, level);
        }
        joined
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        let others = [self.relinearization.is_some(), self.encapsulation];
        self.galois.len() + others.map(usize::from).iter().sum::<usize>()
    }

    /// Whether no key is asked for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest level at which a relinearisation or Galois key of the plan can be used; if
    /// there is none, at which those that are added could be.
    pub fn level(&self) -> usize {
        self.levels().max().unwrap_or(self.level)
    }

    /// The memory that the residues of these keys will take: 8 bytes each, both halves.
    ///
    /// # Errors
    /// [`KeyError`] if these parameters cannot have the keys.
    pub fn memory_bytes(&self, parameters: &Parameters) -> Result<u64, KeyError> {
        self.check(parameters)?;
        let bytes = |level| SwitchingKey::memory_bytes_at(parameters, level);
        let encapsulation = self.encapsulation.then(|| {
            let to_sparse = 2 * 2 * parameters.degree() * size_of::<Residue>();
            to_sparse as u64 + bytes(parameters.max_level())
        });
        Ok(self.levels().map(bytes).chain(encapsulation).sum())
    }

    /// Whether keys of these parameters can be as the plan wants them.
    pub(crate) fn check(&self, parameters: &Parameters) -> Result<(), KeyError> {
        if self.log_n != parameters.log_n() {
            return Err(KeyError::Degree {
                plan: self.log_n,
                parameters: parameters.log_n(),
            });
        }
        if self.encapsulation {
            check_sparse_security(parameters)?;
        }
        let (level, max_level) = (self.level(), parameters.max_level());
        if level > max_level {
            return Err(KeyError::Level { level, max_level });
        }
        Ok(())
    }

    /// The level of the relinearisation key, if one is wanted.
    pub(crate) fn relinearization_level(&self) -> Option<usize> {
        self.relinearization
    }

    /// The Galois keys that are wanted, in the order of their elements.
    pub(crate) fn galois_levels(&self) -> impl Iterator<Item = (GaloisElement, usize)> + '_ {
        self.galois
            .iter()
            .map(|(&element, &level)| (element, level))
    }

    pub(crate) fn wants_encapsulation(&self) -> bool {
        self.encapsulation
    }

    fn levels(&self) -> impl Iterator<Item = usize> + '_ {
        let galois = self.galois.values().copied();
        self.relinearization.into_iter().chain(galois)
    }

    fn add_galois(&mut self, element: GaloisElement, level: usize) {
        raise(self.galois.entry(element).or_insert(level), level);
    }
}

fn raise(level: &mut usize, to: usize) {
    *level = to.max(*level);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyGenerator, SecretKey};
    use crate::parameters::Preset;

    #[test]
    fn a_key_has_the_highest_level_that_was_asked_for() {
        let parameters = Parameters::preset(Preset::N13);
        let plan = KeyPlan::new(&parameters);
        assert_eq!((plan.level(), plan.len()), (3, 0));
        let low = plan.clone().up_to_level(1).rotations([1, 0, 4]);
        let high = plan.clone().up_to_level(2).rotations([1, 2]).conjugation();
        assert_eq!(low.len(), 2);
        let joined = low.join(&high);
        assert_eq!(joined, high.join(&low));
        assert_eq!((joined.level(), joined.len()), (2, 4));
        let element = |k| GaloisElement::rotation(k, 13);
        let level = |plan: &KeyPlan, k| plan.galois_levels().find(|g| g.0 == element(k)).unwrap().1;
        assert_eq!([1, 2, 4].map(|k| level(&joined, k)), [2, 2, 1]);
        let later = joined.clone().rotations([4]).relinearization();
        assert_eq!(level(&later, 4), 2);
        assert_eq!(later.relinearization_level(), Some(2));
        // An empty plan lends no level to the keys of another.
        assert_eq!(plan.join(&low).level(), 1);
        // After a join as well, one call sets all.
        assert_eq!(joined.up_to_level(0).levels().max(), Some(0));
    }

    #[test]
    fn sets_are_made_as_planned_and_weigh_what_was_said() {
        let parameters = Parameters::preset(Preset::N12);
        let secret = SecretKey::generate(&parameters).unwrap();
        let mut generator = KeyGenerator::new(&secret).unwrap();
        let plan = KeyPlan::new(&parameters);
        let low = plan
            .clone()
            .up_to_level(0)
            .rotations([1, 2])
            .relinearization();
        let high = plan.clone().rotations([2]).conjugation();
        for plan in [plan, low.clone(), high.clone(), low.join(&high)] {
            let mut finished = 0;
            let keys = generator.evaluation_keys_with(&plan, |done| finished = done);
            let keys = keys.unwrap();
            assert_eq!(finished, plan.len());
            assert!(keys.covers(&plan));
            let held = keys.galois_keys().map(|key| (key.element(), key.level()));
            assert!(held.eq(plan.galois_levels()));
            let held = keys.relinearization().map(|key| key.level());
            assert_eq!(held, plan.relinearization_level());
            let bytes = keys.to_bytes().len() as u64;
            assert_eq!(plan.file_bytes(&parameters), Ok(bytes));
            // Rotation by 1 at a higher level, or another key, is not there.
            assert!(!keys.covers(&plan.clone().up_to_level(1).rotations([1])));
            assert!(!keys.covers(&plan.rotations([3])));
        }
        // Two digits over 3 primes, one digit over 2.
        assert_eq!(high.memory_bytes(&parameters), Ok(2 * 2 * 2 * 3 * 4096 * 8));
        assert_eq!(low.memory_bytes(&parameters), Ok(3 * 2 * 2 * 4096 * 8));
    }

    #[test]
    fn plans_that_do_not_fit_are_refused() {
        let parameters = Parameters::preset(Preset::N12);
        let secret = SecretKey::generate(&parameters).unwrap();
        let mut generator = KeyGenerator::new(&secret).unwrap();
        let plan = KeyPlan::new(&parameters).up_to_level(2);
        let high = plan.clone().rotations([1]);
        let error = KeyError::Level {
            level: 2,
            max_level: 1,
        };
        assert_eq!(generator.evaluation_keys(&high).unwrap_err(), error);
        assert_eq!(high.file_bytes(&parameters), Err(error.clone()));
        assert_eq!(high.memory_bytes(&parameters), Err(error.clone()));
        assert_eq!(generator.evaluation_keys(&plan).unwrap_err(), error);
        let other = KeyPlan::new(&Parameters::preset(Preset::N13)).rotations([1]);
        let error = KeyError::Degree {
            plan: 13,
            parameters: 12,
        };
        assert_eq!(generator.evaluation_keys(&other).unwrap_err(), error);
    }
}
