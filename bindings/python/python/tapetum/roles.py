"""The owner of the secret key, and contributors."""

import os
import warnings

import numpy as np

from . import _tapetum
from ._base import Classifier
from ._facts import Facts, in_bytes, plan_facts, unwrapped
from ._progress import callback
from ._validation import (
    as_classes,
    as_labels,
    as_rows,
    check_width,
    class_names,
    classes_of_names,
    feature_names,
    indices_of,
)
from .encrypted import (
    EncryptedData,
    EncryptedModel,
    EncryptedRows,
    EncryptedScores,
    EvaluationKeys,
    PublicKey,
    Reading,
)
from .errors import DataWarning, InputError, RangeError, RoleError
from .network_roles import NetworkOwner
from .networks import Network, NetworkPlan
from .plain_model import PlainModel


class _Encrypting(Facts):
    """Who encrypts rows."""


    #: What rows are classified with, where that is known: then scores are looked at before rows are encrypted.
    _plain_model = None

    def __init__(self, native, classes=None, balanced=False, progress=False):
        self._native = native
        self._classes = classes
        self._balanced = balanced
        self.progress = progress

    @property
    def classes_(self):
        """The classes, as ``y`` had them; the second of two is the one of positive scores."""
        if self._classes is None:
            names, _, _ = _tapetum.names(self._native)
            self._classes = None if names is None else classes_of_names(names)
        return self._classes

    @property
    def feature_names_in_(self):
        """The names of columns, if the training data had any."""
        _, names, _ = _tapetum.names(self._native)
        if names is None:
            raise AttributeError("the training data had no names of columns")
        return np.array(names, dtype=object)

    def encrypt(self, X, y=None):
        """Encrypts rows to be classified or, with labels, to be trained on.

        Columns that have names are put in the order of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), optional

        Returns
        -------
        EncryptedData or EncryptedRows
        """
        names = feature_names(X)
        X = as_rows(X, estimator=type(self).__name__)
        _, known, columns = _tapetum.names(self._native)
        if columns is not None and (known is None or names is None):
            check_width(X, columns, type(self).__name__)
        if self._plain_model is not None:
            self._check_scores(X)
        with callback(self.progress) as told:
            if y is None:
                return EncryptedRows(_tapetum.encrypt_rows(self._native, (X, names), told))
            y = as_labels(y, len(X), type(self).__name__)
            classes = self.classes_
            if classes is None:
                classes, labels = as_classes(y, type(self).__name__)
                self._classes = classes
            else:
                labels = indices_of(y, classes)
            labelled = (X, labels, class_names(classes), names)
            data = _tapetum.encrypt(self._native, labelled, self._balanced, told)
        for note in data.notes:
            warnings.warn(note, DataWarning, stacklevel=2)
        return EncryptedData(data)

    def _check_scores(self, X):
        largest = np.abs(self._plain_model._model.decision_function(X)).max()
        limit = self._native.describe()["largest_score"]
        if largest >= limit:
            raise RangeError(
                f"a score is {largest:.1f} in magnitude, but these parameters give back scores below {limit:.1f} only: "
                "divide coef_ and intercept_ of the classifier by one number, which changes no prediction"
            )

    def _facts(self):
        return plan_facts(self._native.describe())


class Owner(_Encrypting, Reading):
    """The only one who can decrypt. Made by :meth:`generate` or :meth:`load`.

    The secret key never becomes a Python value. It is wiped from memory when the owner is garbage-collected.

    Examples
    --------
    >>> import numpy as np, tapetum as tp
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 80)
    >>> X = rng.normal(size=(80, 3)) + 2 * y[:, None]
    >>> owner = tp.Owner.generate(tp.LinearMeans(), X, y)
    >>> server = tp.Server(owner.evaluation_keys)
    >>> fitted = server.fit(owner.encrypt(X, y))
    >>> scores = server.decision_function(fitted, owner.encrypt(X))
    >>> bool(owner.score(scores, y) > 0.9)
    True
    """

    _why_not_pickled = "it holds the secret key, which would end up in the pickle; write a directory with save()"

    @classmethod
    def generate(cls, model, X=None, y=None, *, progress=False):
        """Plans a training, tries it in the clear, and makes the keys.

        Parameters
        ----------
        model : estimator, PlainModel, Network or NetworkPlan
            What is to be trained; its parameters count, it need not be fitted. Or a model in the clear, to classify
            encrypted rows with. Of a network, a :class:`NetworkOwner` is made.
        X : array-like of shape (n_samples, n_features)
            Training data. They decide how features are standardised.
        y : array-like of shape (n_samples,)
        progress : bool or callable, default=False
            Bars of tqdm, or a function of (description, done, total).

        Returns
        -------
        Owner or NetworkOwner

        Raises
        ------
        RangeError
            If a value would leave the range of its polynomial, so that the encrypted result would be wrong without a
            sign.
        """
        if isinstance(model, (Network, NetworkPlan)):
            if X is not None or y is not None:
                raise InputError("a network is trained already: leave out X and y")
            return NetworkOwner.generate(model, progress=progress)
        if isinstance(model, PlainModel):
            if X is not None or y is not None:
                raise InputError("a PlainModel is trained already: leave out X and y")
            owner = cls(_tapetum.Owner.for_model(model._model), model.classes_, progress=progress)
            owner._plain_model = model
            return owner
        if not isinstance(model, Classifier):
            raise TypeError(
                f"{type(model).__name__} is not an estimator of tapetum: take tapetum.LogisticRegression, or "
                "tapetum.PlainModel.from_sklearn for a model that scikit-learn has fitted"
            )
        names = feature_names(X)
        X = as_rows(X, estimator="Owner.generate")
        y = as_labels(y, len(X), "Owner.generate")
        classes, labels = as_classes(y, "Owner.generate")
        training = model._training(len(classes))
        native = _tapetum.Owner.generate(training, (X, labels, class_names(classes), names))
        return cls(native, classes, training["balanced"], progress)

    @classmethod
    def for_features(cls, path, *, progress=False):
        """Makes keys to have rows classified by somebody's model, of which only the features are known.

        Parameters
        ----------
        path : str or path-like
            The ``features.json`` that :meth:`PlainModel.save` or ``tapetum simulate --export`` wrote.

        Returns
        -------
        Owner
        """
        return cls(_tapetum.Owner.for_features(os.fspath(path)), progress=progress)

    @classmethod
    def load(cls, dir, *, passphrase=None, progress=False):
        """Opens a directory that :meth:`save` or ``tapetum keygen`` made.

        Parameters
        ----------
        dir : str or path-like
        passphrase : str, optional
            What the secret key is kept under.

        Returns
        -------
        Owner
        """
        dir = os.fspath(dir)
        owner = cls(_tapetum.Owner.open(dir, passphrase), progress=progress)
        exposed = _tapetum.Owner.exposed(dir)
        if exposed:
            warnings.warn(exposed, DataWarning, stacklevel=2)
        return owner

    def save(self, dir, *, contributor=None, server=None, passphrase=None):
        """Writes the directories of the roles, as ``tapetum keygen`` does.

        Parameters
        ----------
        dir : str or path-like
            The owner's: secret and public key. Existing keys are never replaced.
        contributor : str or path-like, optional
            A contributor's: the public key.
        server : str or path-like, optional
            The server's: the evaluation keys. Without it the owner keeps them.
        passphrase : str, optional
            Keeps the secret key under it, of at least eight characters.
        """
        places = [None if place is None else os.fspath(place) for place in (contributor, server)]
        with callback(self.progress) as told:
            self._native.save(os.fspath(dir), *places, passphrase, told)

    @property
    def evaluation_keys(self):
        """The keys for a server, made when they are first asked for and shared with servers in this program."""
        with callback(self.progress) as told:
            return EvaluationKeys(self._native.evaluation_keys(told))

    @property
    def public_key(self):
        """The key for contributors."""
        return PublicKey(self._native.public_key(), self.classes_)

    def decision_function(self, scores):
        """Decrypts scores, rounded: the last digits of decrypted numbers tell about the secret key.

        Parameters
        ----------
        scores : EncryptedScores

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._native.decision_function(unwrapped(scores, EncryptedScores))

    def predict(self, scores):
        """Decrypts scores, and says what they mean.

        Parameters
        ----------
        scores : EncryptedScores

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels, as ``y`` had them.
        """
        found = np.array(self._native.predict(unwrapped(scores, EncryptedScores)), dtype=np.intp)
        classes = self.classes_
        if classes is None:
            raise RoleError(
                "features.json is missing, which names the classes: load the directory in which the training data were "
                "encrypted"
            )
        return classes[found]

    def decrypt(self, model):
        """Decrypts a model.

        Its weights are rounded, because the last digits of decrypted numbers tell about the secret key.

        Parameters
        ----------
        model : EncryptedModel

        Returns
        -------
        PlainModel
        """
        native = self._native.decrypt(unwrapped(model, EncryptedModel))
        names = getattr(self, "feature_names_in_", None)
        return PlainModel(native, self.classes_, native.n_features, names)

    def score(self, scores, y):
        """The share of samples that are classified correctly.

        Parameters
        ----------
        scores : EncryptedScores
        y : array-like of shape (n_samples,)

        Returns
        -------
        float
        """
        y = as_labels(y, scores.n_samples, "Owner.score")
        return float(np.mean(self.predict(scores) == y))

    def _facts(self):
        described = self._native.describe()
        return {
            **plan_facts(described),
            "evaluation keys": f"{described['evaluation_keys']}, {in_bytes(described['evaluation_key_bytes'])}",
        }


class Contributor(_Encrypting):
    """Who encrypts with the public key, and can decrypt nothing.

    Parameters
    ----------
    public_key : PublicKey
        As :attr:`Owner.public_key` gives it.
    name : str, default="contributor"
        By which the server knows the samples, in the clear.
    class_weight : {"balanced"} or None, default=None
        As of the estimators.
    """

    _why_not_pickled = "it is made from a public key: tapetum.Contributor(owner.public_key)"

    def __init__(self, public_key, name="contributor", *, class_weight=None, progress=False):
        native = _tapetum.Contributor(unwrapped(public_key, PublicKey), name)
        super().__init__(native, public_key._classes, class_weight == "balanced", progress)

    @classmethod
    def load(cls, dir, name="contributor", *, class_weight=None, progress=False):
        """Opens a directory that :meth:`Owner.save` or ``tapetum keygen`` made.

        Returns
        -------
        Contributor
        """
        contributor = cls.__new__(cls)
        native = _tapetum.Contributor.open(os.fspath(dir), name)
        _Encrypting.__init__(contributor, native, None, class_weight == "balanced", progress)
        return contributor
