//! Headers that bring their parameters along.

use super::error::WireError;
use crate::parameters::{Digest, Parameters, ParametersLiteral};

/// A header from which the parameters can be made.
pub(super) trait SelfContained {
    fn literal(&self) -> &ParametersLiteral;
}

/// Of headers with a field `literal`.
macro_rules! with_literal {
    ($($header:ty),+) => {
        $(impl $crate::wire::self_contained::SelfContained for $header {
            fn literal(&self) -> &$crate::parameters::ParametersLiteral {
                &self.literal
            }
        })+
    };
}
pub(super) use with_literal;

/// Checks the parameters in a header as if a user had written them, and against the digest.
pub(super) fn from_header(
    stated: Digest,
    header: &impl SelfContained,
) -> Result<Parameters, WireError> {
    let parameters = Parameters::new(header.literal().clone())?;
    let computed = parameters.digest();
    if stated == computed {
        Ok(parameters)
    } else {
        Err(WireError::DigestMismatch { stated, computed })
    }
}
