"""A model in the clear that classifies encrypted rows."""

import os

import numpy as np

from . import _tapetum
from ._base import Decides
from ._validation import as_rows, check_width, class_names, classes_of_names
from .errors import InputError, not_fitted


class PlainModel(Decides):
    """A linear model in the clear, to classify encrypted rows with; the server sees neither rows nor scores.

    Made by :meth:`from_sklearn`, or by :meth:`Owner.decrypt`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray, if the training data had names
    """

    def __init__(self, model, classes, n_features, names=None):
        self._model = model
        self.classes_ = classes
        self.n_features_in_ = n_features
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)

    @classmethod
    def from_sklearn(cls, estimator, X=None):
        """The model that scikit-learn has fitted.

        Parameters
        ----------
        estimator : LogisticRegression, RidgeClassifier, LinearSVC, LinearDiscriminantAnalysis or Pipeline
            A linear classifier with ``coef_``, ``intercept_`` and ``classes_``, or a Pipeline of a StandardScaler and one.
        X : array-like of shape (n_samples, n_features), optional
            Rows like those that will be classified, whose means and deviations scale what is encrypted. Without them
            and without a StandardScaler, rows are encrypted as they are, and values of 1000 and more are refused.

        Returns
        -------
        PlainModel

        Examples
        --------
        >>> import numpy as np, tapetum as tp
        >>> from types import SimpleNamespace
        >>> fitted = SimpleNamespace(coef_=[[1.0, -1.0]], intercept_=[0.5], classes_=np.array(["no", "yes"]))
        >>> tp.PlainModel.from_sklearn(fitted).predict([[0.0, 0.0], [0.0, 2.0]]).tolist()
        ['yes', 'no']
        """
        scaler = None
        if hasattr(estimator, "steps"):
            *before, (_, classifier) = estimator.steps
            before = [step for _, step in before if step is not None and step != "passthrough"]
            if len(before) > 1 or any(type(step).__name__ != "StandardScaler" for step in before):
                raise InputError(
                    "a Pipeline may have a StandardScaler and a linear classifier, but this one has "
                    f"{[type(step).__name__ for step in before]}: apply the other steps to the rows before they are encrypted"
                )
            scaler = before[0] if before else None
            estimator = classifier
        name = type(estimator).__name__
        for attribute in ("coef_", "intercept_", "classes_"):
            if not hasattr(estimator, attribute):
                if hasattr(estimator, "fit") and not hasattr(estimator, "classes_"):
                    raise not_fitted(estimator)
                raise InputError(
                    f"{name} has no {attribute}: a linear classifier is needed, such as LogisticRegression, "
                    "RidgeClassifier, LinearSVC or LinearDiscriminantAnalysis"
                )
        classes = np.asarray(estimator.classes_)
        weights = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
        columns = weights.shape[1]
        intercepts = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64).ravel(), weights.shape[:1])
        mean, deviation = np.zeros(columns), np.ones(columns)
        if scaler is not None:
            if getattr(scaler, "mean_", None) is not None:
                mean = np.asarray(scaler.mean_, dtype=np.float64)
            if getattr(scaler, "scale_", None) is not None:
                deviation = np.asarray(scaler.scale_, dtype=np.float64)
        if scaler is None and X is not None:
            X = as_rows(X, estimator="PlainModel")
            check_width(X, columns, "PlainModel")
            mean, deviation = X.mean(axis=0), X.std(axis=0)
            deviation[deviation == 0] = 1.0
            intercepts = intercepts + weights @ mean
            weights = weights * deviation
        names = getattr(estimator if scaler is None else scaler, "feature_names_in_", None)
        model = _tapetum.ClearModel.from_weights(
            (mean.tolist(), deviation.tolist()),
            weights.ravel().tolist(),
            intercepts.tolist(),
            class_names(classes),
            None if names is None else list(names),
        )
        return cls(model, classes, columns, names)

    def save(self, dir):
        """Writes the folder that ``tapetum simulate --export`` writes: ``model.json`` for a server, and ``features.json`` for
        those who encrypt.

        Parameters
        ----------
        dir : str or path-like
            It is made if it is not there.
        """
        self._model.save(os.fspath(dir))

    @classmethod
    def load(cls, dir):
        """Reads a folder that :meth:`save` or ``tapetum simulate --export`` wrote.

        Returns
        -------
        PlainModel
        """
        model = _tapetum.ClearModel.load(os.fspath(dir))
        return cls(model, classes_of_names(model.classes), model.n_features, model.names)

    def __repr__(self):
        return f"<PlainModel features: {self.n_features_in_}, classes: {class_names(self.classes_)}>"

    def __getstate__(self):
        return {**self.__dict__, "_model": self._model.to_json()}

    def __setstate__(self, state):
        self.__dict__.update(state, _model=_tapetum.ClearModel.from_json(*state["_model"]))
