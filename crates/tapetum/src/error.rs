//! One error for all roles: what went wrong, where, and of which kind it is.

use std::error::Error as StdError;
use std::{fmt, io};

use tapetum_ckks::kernel::KernelError;
use tapetum_ckks::wire::WireError;
use tapetum_ckks::{
    BootstrappingError, CkksError, DecryptionError, EncodeError, EncryptionError, EvaluationError,
    KeyError, LinearTransformError, ParametersError, PrecisionError, RandomnessError,
};
use tapetum_learn::files::FileError;
use tapetum_learn::{IdError, LearnError};
use tapetum_nets::NetworkError;

/// What a function of this library gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Its text names the file or setting, and every cause down to the first.
///
/// ```
/// use tapetum::{Error, ErrorKind};
///
/// let error = Error::input("a label is missing").within("cannot use train.csv");
/// assert_eq!(error.kind(), ErrorKind::Input);
/// assert_eq!(error.to_string(), "cannot use train.csv: a label is missing");
/// ```
pub struct Error {
    kind: ErrorKind,
    /// From the outermost to the innermost.
    context: Vec<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// Kinds of errors: programs branch on them, the command's exit codes are made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input cannot be used.
    Input,
    /// A key, a role or parameters are wrong or missing.
    Role,
    /// The file system refused.
    Files,
    /// The computation cannot be done: levels, ranges.
    Computation,
    /// Anything else.
    Unexpected,
}

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            context: vec![message.into()],
            cause: None,
        }
    }

    /// The input cannot be used.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// A key, a role or parameters are wrong or missing.
    pub fn role(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Role, message)
    }

    /// The computation cannot be done.
    pub fn computation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Computation, message)
    }

    /// An error of another library. If the file system is at the bottom of it, that is its kind.
    pub fn caused(kind: ErrorKind, cause: impl StdError + Send + Sync + 'static) -> Self {
        let mut innermost: &(dyn StdError + 'static) = &cause;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let kind = match innermost.is::<io::Error>() {
            true => ErrorKind::Files,
            false => kind,
        };
        Self {
            kind,
            context: Vec::new(),
            cause: Some(Box::new(cause)),
        }
    }

    /// The same error, met within something larger.
    #[must_use]
    pub fn within(mut self, context: impl Into<String>) -> Self {
        self.context.insert(0, context.into());
        self
    }

    /// Of which kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error of the library below that caused it, if it was one of this type.
    pub fn cause<E: StdError + 'static>(&self) -> Option<&E> {
        self.cause.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = String::new();
        let mut tell = |text: &str| {
            // Many errors end with their cause.
            if told.is_empty() {
                told.push_str(text);
            } else if !told.ends_with(text) {
                told += ": ";
                told += text;
            }
        };
        self.context.iter().for_each(|text| tell(text));
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn StdError);
        while let Some(error) = cause {
            tell(&error.to_string());
            cause = error.source();
        }
        f.write_str(&told)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

// Its text has all causes, so it has no source: whoever prints both would print them twice.
impl StdError for Error {}

/// Says where an error was met.
pub trait Context<T> {
    /// Puts what was attempted in front of the error.
    ///
    /// # Errors
    /// That of `self`.
    fn context(self, context: impl Into<String>) -> Result<T>;

    /// The same, made only if there is an error.
    ///
    /// # Errors
    /// That of `self`.
    fn with_context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, context: impl Into<String>) -> Result<T> {
        self.with_context(|| context)
    }

    fn with_context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| error.into().within(context()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, context: impl Into<String>) -> Result<T> {
        self.with_context(|| context)
    }

    fn with_context<S: Into<String>>(self, context: impl FnOnce() -> S) -> Result<T> {
        self.ok_or_else(|| Error::new(ErrorKind::Unexpected, context()))
    }
}

/// Says of which kind the errors of libraries are.
macro_rules! kinds {
    ($($kind:expr => $($error:ty),+;)*) => {$($(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                let kind: fn(&$error) -> ErrorKind = $kind;
                Self::caused(kind(&error), error)
            }
        }
    )+)*};
}

kinds! {
    |_| ErrorKind::Files => io::Error;
    |_| ErrorKind::Input => tapetum_vision::Error, IdError;
    |_| ErrorKind::Role => KeyError, ParametersError;
    |_| ErrorKind::Computation => EvaluationError;
    |_| ErrorKind::Unexpected => BootstrappingError, PrecisionError, EncodeError, RandomnessError, EncryptionError,
        DecryptionError, LinearTransformError, KernelError, rayon::ThreadPoolBuildError, serde_json::Error, csv::Error;
    wire => WireError;
    learn => LearnError;
    network => NetworkError;
}

fn wire(error: &WireError) -> ErrorKind {
    match error {
        WireError::Io(_) => ErrorKind::Files,
        WireError::WrongParameters { .. }
        | WireError::WrongType { .. }
        | WireError::WrongKind { .. } => ErrorKind::Role,
        _ => ErrorKind::Input,
    }
}

fn network(error: &NetworkError) -> ErrorKind {
    match error {
        NetworkError::Keys
        | NetworkError::Mismatch { .. }
        | NetworkError::Scheme(CkksError::Parameters(_) | CkksError::Key(_)) => ErrorKind::Role,
        NetworkError::Encrypted { .. }
        | NetworkError::OutOfRange
        | NetworkError::Levels { .. }
        | NetworkError::Scheme(CkksError::Evaluation(_) | CkksError::Encode(_)) => {
            ErrorKind::Computation
        }
        _ => ErrorKind::Input,
    }
}

fn learn(error: &LearnError) -> ErrorKind {
    match error {
        LearnError::Wire(error) => wire(error),
        LearnError::File(error) => match &**error {
            FileError::Unusable { source, .. } => learn(source),
            FileError::TrailingData { source, .. } => wire(source),
            FileError::Secret(_) => ErrorKind::Role,
            _ => ErrorKind::Input,
        },
        LearnError::MissingKeys { .. }
        | LearnError::OtherKeySet(_)
        | LearnError::NotForPublishing
        | LearnError::OtherFeatures(_)
        | LearnError::Parameters(_)
        | LearnError::Decryption(DecryptionError::Parameters) => ErrorKind::Role,
        LearnError::LevelExhausted { .. }
        | LearnError::OutOfRange { .. }
        | LearnError::Diverges { .. }
        | LearnError::Encode(_)
        | LearnError::Evaluation(_) => ErrorKind::Computation,
        LearnError::Encryption(_) | LearnError::Decryption(_) => ErrorKind::Unexpected,
        _ => ErrorKind::Input,
    }
}
