//! Encrypted vectors, as the server sees them.

use std::fmt;
use std::sync::Arc;

use super::error::{Cause, Operation, VectorError};
use super::value::Value;
use super::{EncryptedVector, Server};

/// A vector of real numbers that its server computes with and cannot read.
///
/// `+`, `-` and `*` work number by number, with vectors and references to vectors, plain vectors (`&[f64]`,
/// `Vec<f64>`, `[f64; N]`) and plain numbers. What goes wrong is found out from
/// [`finish`](Self::finish). Cheap to clone.
///
/// ```
/// use tapetum_ckks::scheme::{Owner, Settings};
///
/// let owner = Owner::new(&Settings::new(3).levels(2))?;
/// let server = owner.server()?;
/// let x = server.load(&owner.encrypt(&[0.1, 0.2, 0.3])?);
///
/// let y = x.dot([1.0, 2.0, 1.0]) - &x;
/// let y = owner.decrypt(&y.finish()?)?;
/// assert!((y[0] - 0.7).abs() < 1e-5 && (y[2] - 0.5).abs() < 1e-5);
///
/// // Three products in a row, and levels for two only.
/// let error = (&x * &x * &x * &x).finish().unwrap_err();
/// assert_eq!(error.operation(), "a product");
/// assert!(error.to_string().contains("make the settings with levels(3)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerVector {
    server: Server,
    state: Result<Arc<Value>, VectorError>,
}

impl ServerVector {
    pub(super) fn new(
        server: &Server,
        operation: Operation,
        computed: Result<Value, Cause>,
    ) -> Self {
        Self {
            server: server.clone(),
            state: computed
                .map(Arc::new)
                .map_err(|cause| VectorError::new(operation, cause)),
        }
    }

    /// How many numbers it has.
    pub fn length(&self) -> usize {
        self.server.setup().length
    }

    /// The levels that computations on it may still use up before it must be bootstrapped; none after an
    /// error.
    pub fn levels_left(&self) -> usize {
        let left = |value: &Arc<Value>| self.server.levels_left(value);
        self.state.as_ref().map_or(0, left)
    }

    /// What went wrong, if anything did.
    pub fn error(&self) -> Option<&VectorError> {
        self.state.as_ref().err()
    }

    /// The result, to be sent to the owner. It holds the vector and nothing else.
    ///
    /// After a comparison it needs one level more unless the length is a power of two.
    ///
    /// # Errors
    /// The first error on the way to this vector; [`Cause::Range`] if sums can be so large that at the last
    /// level they would come back as other numbers.
    #[track_caller]
    pub fn finish(&self) -> Result<EncryptedVector, VectorError> {
        let operation = Operation::here("a result");
        let value = self.state.as_ref().map_err(Clone::clone)?;
        let finished = self.server.finished(value);
        finished
            .map(|ciphertext| EncryptedVector::new(self.server.setup(), ciphertext))
            .map_err(|cause| VectorError::new(operation, cause))
    }

    pub(super) fn unary(
        &self,
        operation: Operation,
        compute: impl FnOnce(&Server, &Value) -> Result<Value, Cause>,
    ) -> Self {
        match &self.state {
            Ok(value) => Self::new(&self.server, operation, compute(&self.server, value)),
            Err(_) => self.clone(),
        }
    }

    pub(super) fn binary(
        &self,
        other: &Self,
        operation: Operation,
        compute: impl FnOnce(&Server, &Value, &Value) -> Result<Value, Cause>,
    ) -> Self {
        let value = match &other.state {
            _ if self.state.is_err() => return self.clone(),
            Err(_) => return other.clone(),
            Ok(value) => value,
        };
        if !self.server.is(&other.server) {
            return Self::new(&self.server, operation, Err(Cause::Server));
        }
        self.unary(operation, |server, x| compute(server, x, value))
    }
}

impl Server {
    /// A vector that has arrived, to be computed with. If it is none of these settings, whatever is
    /// computed with it ends in an error.
    #[track_caller]
    pub fn load(&self, encrypted: &EncryptedVector) -> ServerVector {
        let loaded = encrypted.open(self.setup());
        let value = loaded.map(|ciphertext| Value::fresh(ciphertext.clone()));
        let operation = Operation::here("loading a vector");
        ServerVector::new(self, operation, value.map_err(Into::into))
    }
}

impl fmt::Debug for ServerVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ServerVector");
        shown.field("length", &self.length());
        match &self.state {
            Ok(_) => shown.field("levels_left", &self.levels_left()),
            Err(error) => shown.field("error", error),
        };
        shown.finish()
    }
}
