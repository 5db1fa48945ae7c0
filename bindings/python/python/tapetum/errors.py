"""What can go wrong, by kind.

Every error of this package is a :class:`Error`. Where scikit-learn raises a ``ValueError``, ours is one as well.
The message says what is wrong, where, and what to do.
"""

import sys
import warnings


class Error(Exception):
    """What went wrong, with every cause down to the first."""


class InputError(Error, ValueError):
    """The data or a setting cannot be used."""


class RangeError(Error, ValueError):
    """A value would leave the range in which a polynomial stands for a function.

    Under encryption nobody would notice: the result would be wrong without a sign.
    """


class RoleError(Error):
    """A key, a role or parameters are wrong or missing."""


class KeyMismatch(RoleError):
    """Things that do not belong together: other keys, other parameters, or other features."""


class ParametersError(RoleError, ValueError):
    """Parameters that are not secure, or not usable."""


class ComputationError(Error):
    """The computation cannot be done on these ciphertexts."""


class LevelExhausted(ComputationError):
    """The ciphertexts have too few levels for what was asked."""


class FileError(Error, OSError):
    """The file system refused."""


class ServerUnreachable(Error, ConnectionError):
    """A server over HTTPS cannot be reached, or the connection broke."""


class NotFittedError(Error, ValueError, AttributeError):
    """The estimator was not fitted."""


class DataWarning(UserWarning):
    """What there is to note of the data: clipped values, rare classes, columns without variation."""


class RangeWarning(UserWarning):
    """Training in the clear went where encrypted training would fail."""


def not_fitted(estimator):
    """The error for an estimator that was not fitted; it is scikit-learn's as well, where that is imported."""
    message = (
        f"This {type(estimator).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
        "using this estimator."
    )
    theirs = sys.modules.get("sklearn.exceptions")
    if theirs is None:
        return NotFittedError(message)
    both = type("NotFittedError", (NotFittedError, theirs.NotFittedError), {"__module__": __name__})
    return both(message)


def warn_column_vector(stacklevel):
    """Warns that a column was given where a row is wanted, with scikit-learn's category where it is imported."""
    theirs = sys.modules.get("sklearn.exceptions")
    category = theirs.DataConversionWarning if theirs is not None else DataWarning
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,), for "
        "example using ravel().",
        category,
        stacklevel=stacklevel + 1,
    )
