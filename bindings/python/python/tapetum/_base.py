"""What all estimators have in common: scikit-learn's manners without scikit-learn."""

import html
import inspect
import json
import warnings

import numpy as np

from . import _tapetum
from ._validation import (
    as_classes,
    as_labels,
    as_rows,
    check_names,
    check_width,
    class_names,
    feature_names,
)
from .errors import InputError, RangeWarning, not_fitted


class Parameters:
    """Parameters by the names of the constructor, as scikit-learn's ``BaseEstimator`` has them."""

    @classmethod
    def _parameter_names(cls):
        if cls.__init__ is object.__init__:
            return []
        parameters = inspect.signature(cls.__init__).parameters.values()
        return sorted(p.name for p in parameters if p.name != "self" and p.kind != p.VAR_KEYWORD)

    def get_params(self, deep=True):
        """The parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            As in scikit-learn; no parameter is an estimator.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params):
        """Sets parameters by name.

        Returns
        -------
        self
        """
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                raise InputError(
                    f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {known!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self):
        defaults = {
            name: parameter.default for name, parameter in inspect.signature(type(self)).parameters.items()
        }
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if name not in defaults or not _same(value, defaults[name])
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_html_(self):
        return f"<pre>{html.escape(repr(self))}</pre>"


def _same(value, default):
    return value is default or (type(value) is type(default) and repr(value) == repr(default))


class Decides:
    """A linear model in the clear, and its classes."""

    def _rows(self, X):
        """The rows as they are looked at, or an error if they are not those of the model."""
        name = type(self).__name__
        check_names(feature_names(X), getattr(self, "feature_names_in_", None), name)
        X = as_rows(X, estimator=name)
        check_width(X, self.n_features_in_, name)
        return X

    def decision_function(self, X):
        """The scores of samples in the clear.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of two classes one score each, positive for the second class of ``classes_``; of more, one for each class.
        """
        X = self._rows(X)
        return self._model.decision_function(X)

    def predict(self, X):
        """The classes of samples in the clear.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return decide(self.decision_function(X), self.classes_)


class Classifier(Parameters, Decides):
    """A linear classifier that can be trained in the clear, and says how it is trained under encryption."""

    _estimator_type = "classifier"
    #: Its name in the library, for two classes and for more.
    _algorithms = (None, None)

    def _settings(self, algorithm):
        """Settings of the library that differ from its defaults."""
        return {}

    def _default_settings(self, algorithm):
        return json.loads(_tapetum.default_settings(algorithm))

    def _training(self, n_classes):
        """How this is trained, as the library takes it."""
        two, more = self._algorithms
        algorithm = two if n_classes == 2 else more
        if algorithm is None:
            raise InputError(
                "Only binary classification is supported. The type of the target is multiclass. "
                f"{type(self).__name__} tells two classes apart, but y has {n_classes}: use tapetum.Ridge or "
                "tapetum.OneVsRestLogistic."
            )
        settings = self._default_settings(algorithm)
        if isinstance(settings, dict):
            (variant,) = settings
            settings[variant].update(self._settings(algorithm))
        balanced = getattr(self, "class_weight", None)
        if balanced not in (None, "balanced"):
            raise InputError(f"class_weight is {balanced!r}, but must be 'balanced' or None")
        return {
            "estimator": json.dumps(settings),
            "plain_columns": bool(self.plain_columns),
            "balanced": balanced == "balanced",
        }

    def fit(self, X, y):
        """Trains in the clear, with the polynomials of encrypted training.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            One row per sample.
        y : array-like of shape (n_samples,)
            The class of each.

        Returns
        -------
        self
        """
        name = type(self).__name__
        names = feature_names(X)
        X = as_rows(X, estimator=name)
        y = as_labels(y, len(X), name)
        classes, labels = as_classes(y, name)
        training = self._training(len(classes))
        if len(X) < 2:
            raise InputError(f"Found array with n_samples=1 while a minimum of 2 is required by {name}.")
        model = _tapetum.ClearModel.fit(training, (X, labels, class_names(classes), None))
        if model.warning:
            warnings.warn(model.warning, RangeWarning, stacklevel=2)
        self._model = model
        self.classes_ = classes
        self.n_features_in_ = X.shape[1]
        self.n_iter_ = self._iterations(training)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    @staticmethod
    def _iterations(training):
        settings = json.loads(training["estimator"])
        if not isinstance(settings, dict):
            return 1
        (settings,) = settings.values()
        return settings.get("iterations", settings.get("steps"))

    def _rows(self, X):
        if not self.__sklearn_is_fitted__():
            raise not_fitted(self)
        return super()._rows(X)

    def score(self, X, y, sample_weight=None):
        """The share of samples that are classified correctly.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        return float(np.average(self.predict(X) == np.asarray(y).ravel(), weights=sample_weight))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_model")

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=self._algorithms[1] is not None),
            input_tags=InputTags(),
        )

    def __getstate__(self):
        state = self.__dict__.copy()
        if "_model" in state:
            state["_model"] = state["_model"].to_json()
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "_model" in state:
            state["_model"] = _tapetum.ClearModel.from_json(*state["_model"])
        self.__dict__.update(state)


def decide(scores, classes):
    """The classes that scores decide for."""
    if scores.ndim == 1:
        return classes[(scores > 0).astype(np.intp)]
    return classes[scores.argmax(axis=1)]
