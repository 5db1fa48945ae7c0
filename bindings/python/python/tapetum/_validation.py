"""Arrays as they come in: what scikit-learn accepts is accepted, what it refuses is refused in its words."""

import warnings

import numpy as np

from .errors import InputError, warn_column_vector


def feature_names(X):
    """The names of a frame's columns, if all of them are text."""
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = list(columns)
    text = [isinstance(name, str) for name in names]
    if names and all(text):
        return names
    if any(text):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{sorted({type(name).__name__ for name in names})} as feature name / column name types. If you want "
            "feature names to be stored and validated, you must convert them all to strings, by using X.columns = "
            "X.columns.astype(str) for example."
        )
    return None


def as_rows(X, name="X", estimator="tapetum"):
    """A C-ordered matrix of finite float64, without a copy where ``X`` is one."""
    if hasattr(X, "toarray") and hasattr(X, "nnz"):
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()' to convert to a dense "
            "numpy array."
        )
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise InputError(f"{name} is not a matrix: {error}") from error
    if array.dtype.kind == "c":
        raise InputError(f"Complex data not supported: {name} must be real")
    if array.dtype.kind not in "fiub":
        array = _numbers(array, name)
    if array.ndim == 1:
        raise InputError(
            f"Expected 2D array, got 1D array instead:\narray={array}.\nReshape your data either using "
            "array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it contains a single "
            "sample."
        )
    if array.ndim != 2:
        raise InputError(f"Found array with dim {array.ndim}, while dim 2 is required by {estimator}: {name} must have one row per sample.")
    for axis, what in enumerate(("sample", "feature")):
        if array.shape[axis] == 0:
            raise InputError(
                f"Found array with 0 {what}(s) (shape={array.shape}) while a minimum of 1 is required by {estimator}."
            )
    array = np.ascontiguousarray(array, dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        what = "NaN" if np.isnan(array[row, column]) else "infinity or a value too large for dtype('float64')"
        raise InputError(
            f"Input {name} contains {what}, first in row {row}, column {column}. {estimator} does not accept missing "
            "values: leave these samples out, or fill them in before anything is encrypted, for example with "
            "sklearn.impute.SimpleImputer."
        )
    return array


def _numbers(array, name):
    """Numbers of an array of objects or text, if they are numbers."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        wrong = ValueError if isinstance(error, ValueError) else TypeError
        advice = (
            f"{name} has dtype {array.dtype}, and not all of it is numbers ({error}): each argument must be a number, not a "
            "string or another object. Encode categories, for example with sklearn.preprocessing.OneHotEncoder"
        )
        raise (InputError if wrong is ValueError else TypeError)(advice) from error


def check_width(X, expected, estimator):
    """Refuses rows of another number of features."""
    if X.shape[1] != expected:
        raise InputError(
            f"X has {X.shape[1]} features, but {estimator} is expecting {expected} features as input."
        )


def check_names(names, expected, estimator):
    """Refuses other names of columns than those fitted on, and warns where only one side has names."""
    if expected is None:
        if names is not None:
            warnings.warn(f"X has feature names, but {estimator} was fitted without feature names", stacklevel=4)
        return
    if names is None:
        warnings.warn(
            f"X does not have valid feature names, but {estimator} was fitted with feature names", stacklevel=4
        )
        return
    expected = list(expected)
    if names == expected:
        return
    message = "The feature names should match those that were passed during fit.\n"
    unseen = sorted(set(names) - set(expected))
    missing = sorted(set(expected) - set(names))
    if unseen:
        message += "Feature names unseen at fit time:\n" + _listed(unseen)
    if missing:
        message += "Feature names seen at fit time, yet now missing:\n" + _listed(missing)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise InputError(message)


def _listed(names, most=5):
    lines = [f"- {name}\n" for name in names[:most]]
    if len(names) > most:
        lines.append("- ...\n")
    return "".join(lines)


def as_labels(y, n_samples, estimator):
    """One label per sample, as a vector."""
    if y is None:
        raise InputError(f"{estimator} requires y to be passed, but the target y is None.")
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        warn_column_vector(stacklevel=3)
        array = array.ravel()
    if array.ndim != 1:
        raise InputError(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if len(array) != n_samples:
        raise InputError(f"Found input variables with inconsistent numbers of samples: [{n_samples}, {len(array)}]")
    if array.dtype.kind in "fc":
        if not np.isfinite(array).all():
            what = "NaN" if np.isnan(array).any() else "infinity or a value too large for dtype('float64')"
            raise InputError(f"Input y contains {what}.")
        if array.dtype.kind == "c" or (array != np.floor(array)).any():
            raise InputError(
                "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete "
                "classes on a regression target with continuous values."
            )
    if array.dtype.kind == "O" and any(label is None or label != label for label in array):
        raise InputError("Input y contains NaN: every sample needs a label.")
    return array


def as_classes(y, estimator):
    """The classes of labels in order, and for each label the index of its class."""
    try:
        classes, indices = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"y mixes labels that cannot be compared ({error}): use labels of one type, not numbers and string labels"
        ) from error
    if len(classes) < 2:
        raise InputError(
            f"Classifier can't train when only one class is present: {estimator} needs samples of at least 2 classes, but "
            f"all of y is {classes[0]!r}."
        )
    return classes, indices.astype(np.int64)


def class_names(classes):
    """What classes are called in files."""
    return [str(label) for label in classes]


def classes_of_names(names):
    """The classes that names in a file stand for: whole numbers, numbers, or text."""
    for dtype in (np.int64, np.float64):
        try:
            classes = np.array([dtype(name) for name in names])
        except ValueError:
            continue
        if class_names(classes) == list(names):
            return classes
    if list(names) == ["False", "True"]:
        return np.array([False, True])
    return np.array(names)


def indices_of(y, classes):
    """For each label the index of its class."""
    places = {label: place for place, label in enumerate(classes.tolist())}
    try:
        return np.array([places[label] for label in y.tolist()], dtype=np.int64)
    except KeyError as error:
        raise InputError(
            f"y has the label {error.args[0]!r}, which is not one of the classes trained on: {class_names(classes)}"
        ) from None
