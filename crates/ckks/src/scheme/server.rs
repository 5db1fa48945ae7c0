//! The side that computes: evaluation keys and nothing else.

use std::fmt;
use std::sync::Arc;

use super::SchemeError;
use super::settings::{Settings, Setup};
use crate::circuits::Bootstrapper;
use crate::evaluator::Evaluator;
use crate::keys::EvaluationKeys;

/// The side that computes on encrypted vectors. Cheap to clone; its clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    setup: Setup,
    evaluator: Evaluator,
    bootstrapper: Option<Bootstrapper>,
}

impl Server {
    /// A server with the keys that the owner made for it.
    ///
    /// # Errors
    /// [`SchemeError`] if the keys are not of these settings, or some are missing.
    pub fn new(settings: &Settings, keys: EvaluationKeys) -> Result<Self, SchemeError> {
        let setup = settings.check()?;
        if *keys.parameters() != setup.parameters || !keys.covers(&setup.key_plan()) {
            return Err(SchemeError::Keys);
        }
        let plan = setup.bootstrapping.as_ref();
        let bootstrapper = plan.map(Bootstrapper::new);
        Ok(Self(Arc::new(Inner {
            bootstrapper: bootstrapper.transpose()?,
            evaluator: Evaluator::with_keys(keys),
            setup,
        })))
    }

    pub(super) fn setup(&self) -> &Setup {
        &self.0.setup
    }

    pub(super) fn evaluator(&self) -> &Evaluator {
        &self.0.evaluator
    }

    /// What bootstraps vectors, if they are to be.
    pub(super) fn bootstrapper(&self) -> Option<&Bootstrapper> {
        self.0.bootstrapper.as_ref()
    }

    /// Whether it is one server, not another with the same settings: that could have other keys.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(self.setup()).finish()
    }
}
