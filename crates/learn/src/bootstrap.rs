//! Getting levels back.

use std::sync::Arc;

use tapetum_ckks::{Bootstrapper, Ciphertext, Evaluator};

use crate::error::Result;

/// Brings a ciphertext that has used up its levels back to a high one, with the same values.
///
/// A [`Bootstrapper`] does it without the owner. The values are real, at most 1 in magnitude, and
/// repeat after as many slots as the estimator tells.
pub trait Bootstrap: Send + Sync {
    /// The levels before and after.
    fn levels(&self) -> BootstrapLevels;

    /// The same values at the output level, at its canonical scale. The ciphertext comes at or
    /// above the input level, at canonical scale too.
    ///
    /// # Errors
    /// [`LearnError`](crate::LearnError) if keys are missing or the ciphertext does not fit.
    fn bootstrap(&self, evaluator: &Evaluator, ciphertext: &Ciphertext) -> Result<Ciphertext>;
}

/// A bootstrap that a [`Session`](crate::Session) holds for as long as it lasts.
pub type SharedBootstrap<'a> = Arc<dyn Bootstrap + 'a>;

/// At which levels ciphertexts are bootstrapped, and come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootstrapLevels {
    /// The lowest level at which a ciphertext may come.
    pub input: usize,
    /// The level at which it comes back.
    pub output: usize,
}

impl<B: Bootstrap + ?Sized> Bootstrap for &B {
    fn levels(&self) -> BootstrapLevels {
        (**self).levels()
    }

    fn bootstrap(&self, evaluator: &Evaluator, ciphertext: &Ciphertext) -> Result<Ciphertext> {
        (**self).bootstrap(evaluator, ciphertext)
    }
}

impl Bootstrap for Bootstrapper {
    fn levels(&self) -> BootstrapLevels {
        BootstrapLevels {
            input: self.plan().input_level(),
            output: self.plan().output_level(),
        }
    }

    fn bootstrap(&self, evaluator: &Evaluator, ciphertext: &Ciphertext) -> Result<Ciphertext> {
        Ok(evaluator.bootstrap(ciphertext, self)?)
    }
}
