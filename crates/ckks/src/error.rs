//! All errors of the scheme in one type.

use thiserror::Error;

use crate::{
    ArgmaxError, BootstrappingError, DecryptionError, EncodeError, EncryptionError,
    EvaluationError, KeyError, LinearTransformError, ParametersError,
};

/// One variant for each type of error, all as they are.
macro_rules! one_of {
    ($($(#[$doc:meta])* $name:ident($error:ty),)+) => {
        /// What the scheme refuses, for programs that pass it on.
        #[derive(Debug, Error)]
        #[non_exhaustive]
        pub enum CkksError {
            $($(#[$doc])* #[error(transparent)] $name(#[from] $error),)+
        }
    };
}

one_of! {
    /// Parameters that cannot be.
    Parameters(ParametersError),
    /// Keys that cannot be made.
    Key(KeyError),
    /// Values that cannot be encoded.
    Encode(EncodeError),
    /// Values that cannot be encrypted.
    Encryption(EncryptionError),
    /// A ciphertext that cannot be decrypted.
    Decryption(DecryptionError),
    /// An operation that was refused.
    Evaluation(EvaluationError),
    /// A linear transform that cannot be encoded.
    Transform(LinearTransformError),
    /// A bootstrapping that cannot be.
    Bootstrapping(BootstrappingError),
    /// An argmax that cannot be.
    Argmax(ArgmaxError),
}
