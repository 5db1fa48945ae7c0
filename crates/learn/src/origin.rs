//! What ties encrypted objects to each other: whose keys, whose features, which samples.

use std::fmt;

use serde::{Deserialize, Serialize};
use tapetum_ckks::Id;

use crate::error::LearnError;

/// What encrypted samples, models and scores carry, in the clear, so that nothing is computed with what
/// does not belong together. Each id is missing where it was not known, as in files of before there were any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The keys, all from one generation.
    pub key_set: Option<Id>,
    /// The fitted pipeline from samples to features.
    pub features: Option<Id>,
    /// The samples that were encrypted together. A model, which is of many, has none.
    pub samples: Option<Id>,
}

impl Origin {
    /// Fails unless keys and features are the same as `other`'s, as far as both are known.
    ///
    /// # Errors
    /// [`LearnError::OtherKeySet`] or [`LearnError::OtherFeatures`], which say that they differ from those of `than`.
    pub fn check(&self, other: &Self, than: impl fmt::Display) -> Result<(), LearnError> {
        let differ = |a: Option<Id>, b: Option<Id>| matches!((a, b), (Some(a), Some(b)) if a != b);
        if differ(self.key_set, other.key_set) {
            return Err(LearnError::OtherKeySet(than.to_string()));
        }
        if differ(self.features, other.features) {
            return Err(LearnError::OtherFeatures(than.to_string()));
        }
        Ok(())
    }

    /// What is known of both together, which are not of the same samples.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn join(self, other: &Self, than: &str) -> Result<Self, LearnError> {
        self.check(other, than)?;
        Ok(Self {
            key_set: self.key_set.or(other.key_set),
            features: self.features.or(other.features),
            samples: None,
        })
    }

    /// Whether nothing is known.
    pub(crate) fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// Methods of a type with a field `origin`.
macro_rules! has_origin {
    ($type:ident) => {
        impl $type {
            /// The same, with what is known of where it comes from.
            #[must_use]
            pub fn with_origin(self, origin: $crate::Origin) -> Self {
                Self { origin, ..self }
            }

            /// Whose keys and features it was made with and, unless it is a model, of which samples.
            pub fn origin(&self) -> &$crate::Origin {
                &self.origin
            }
        }
    };
}
pub(crate) use has_origin;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_may_be_the_same() {
        let id = || Some(Id::random().unwrap());
        let known = Origin {
            key_set: id(),
            features: id(),
            samples: id(),
        };
        let others = [
            Origin::default(),
            known,
            Origin {
                samples: id(),
                ..known
            },
        ];
        for other in others {
            known.check(&other, "it").unwrap();
            let joined = known.join(&other, "it").unwrap();
            assert_eq!((joined.key_set, joined.samples), (known.key_set, None));
        }
        let refused = |other: Origin| known.check(&other, "it").unwrap_err();
        let mut other_keys = known;
        other_keys.key_set = id();
        assert!(matches!(refused(other_keys), LearnError::OtherKeySet(_)));
        let mut other_features = known;
        other_features.features = id();
        assert!(matches!(
            refused(other_features),
            LearnError::OtherFeatures(_)
        ));
    }
}
