"""Owner, contributor and server of encrypted images for networks."""

import os
import warnings

import numpy as np

from . import _tapetum
from ._facts import Facts, unwrapped
from ._progress import callback
from ._validation import as_labels
from .errors import InputError, RangeWarning, RoleError
from .networks import (
    EncryptedImages,
    Network,
    NetworkKeys,
    NetworkPlan,
    NetworkPublicKey,
    NetworkScores,
    facts_of,
    natives_of,
)
from .server import Server


class _EncryptingImages(Facts):
    def __init__(self, native, classes=None, progress=False):
        self._native = native
        self.progress = progress
        self.plan = NetworkPlan(native.plan)
        self.classes_ = self.plan.classes_ if classes is None else classes

    def encrypt(self, X):
        """Encrypts images.

        Parameters
        ----------
        X : array-like
            As of :meth:`Network.decision_function`.

        Returns
        -------
        EncryptedImages
        """
        return EncryptedImages(self._native.encrypt(self.plan._rows(X)))

    def _facts(self):
        return self.plan._facts()


class NetworkOwner(_EncryptingImages):
    """The only one who can decrypt the scores of a network. Made by ``Owner.generate(network)`` or :meth:`load`.

    Examples
    --------
    >>> import tapetum as tp
    >>> network = tp.Network.from_onnx("network.onnx", classes=["cat", "dog"])   # doctest: +SKIP
    >>> owner = tp.Owner.generate(network)                                       # doctest: +SKIP
    >>> server = tp.Server(owner.evaluation_keys)                                # doctest: +SKIP
    >>> scores = server.decision_function(network, owner.encrypt(pictures))      # doctest: +SKIP
    >>> owner.predict(scores)                                                    # doctest: +SKIP
    """

    _why_not_pickled = "it holds the secret key, which would end up in the pickle; write a directory with save()"

    @classmethod
    def generate(cls, network, *, progress=False):
        """Makes a secret key for a network, or for the plan of somebody else's.

        Parameters
        ----------
        network : Network or NetworkPlan
        progress : bool or callable, default=False

        Returns
        -------
        NetworkOwner
        """
        plan = network.plan if isinstance(network, Network) else network
        return cls(_tapetum.NetworkOwner.generate(unwrapped(plan, NetworkPlan)), network.classes_, progress)

    @classmethod
    def load(cls, dir, *, passphrase=None, progress=False):
        """Opens a directory that :meth:`save` or ``tapetum net keygen`` made.

        Returns
        -------
        NetworkOwner
        """
        return cls(_tapetum.NetworkOwner.open(os.fspath(dir), passphrase), progress=progress)

    def save(self, dir, *, contributor=None, server=None, passphrase=None):
        """Writes the directories of the roles, as ``tapetum net keygen`` does."""
        places = [None if place is None else os.fspath(place) for place in (contributor, server)]
        with callback(self.progress) as told:
            self._native.save(os.fspath(dir), *places, passphrase, told)

    @property
    def evaluation_keys(self):
        """The keys for a server, made when they are first asked for and shared with servers in this program."""
        with callback(self.progress) as told:
            return NetworkKeys(self._native.evaluation_keys(told), self.plan)

    @property
    def public_key(self):
        """The key for contributors."""
        return NetworkPublicKey(self._native.public_key())

    def decision_function(self, scores):
        """Decrypts scores, rounded: the last digits of decrypted numbers tell about the secret key.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        found = self._decrypt(scores)[0]
        if found is None:
            raise InputError("the plan answers with labels alone, without scores: use predict(scores)")
        return found

    def predict(self, scores):
        """Decrypts scores, and says what they mean. Warns if a plan that answers with labels alone left some open.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        _, labels, decided = self._decrypt(scores)
        if not all(decided):
            open_ = len(decided) - sum(decided)
            message = f"{open_} of {len(decided)} labels are not certain: two scores were too near to each other to be compared"
            warnings.warn(message, RangeWarning, stacklevel=2)
        return self.classes_[labels]

    def score(self, scores, y):
        """The share of images that are classified correctly.

        Returns
        -------
        float
        """
        return float(np.mean(self.predict(scores) == as_labels(y, scores.n_samples, "NetworkOwner.score")))

    def _decrypt(self, scores):
        if not isinstance(scores, NetworkScores):
            raise TypeError(f"expected NetworkScores, found {type(scores).__name__}")
        return self._native.decrypt(scores._natives)

    def read(self, path):
        """Reads the file of encrypted scores.

        Returns
        -------
        NetworkScores
        """
        return NetworkScores([_tapetum.NetworkScores.read(os.fspath(path), self.plan._native)])


class NetworkContributor(_EncryptingImages):
    """Who encrypts images with the public key, and can decrypt nothing.

    Parameters
    ----------
    public_key : NetworkPublicKey
    """

    _why_not_pickled = "it is made from a public key: tapetum.NetworkContributor(owner.public_key)"

    def __init__(self, public_key):
        super().__init__(_tapetum.NetworkContributor(unwrapped(public_key, NetworkPublicKey)))

    @classmethod
    def load(cls, dir):
        """Opens a directory that :meth:`NetworkOwner.save` or ``tapetum net keygen`` made.

        Returns
        -------
        NetworkContributor
        """
        contributor = cls.__new__(cls)
        _EncryptingImages.__init__(contributor, _tapetum.NetworkContributor.open(os.fspath(dir)))
        return contributor


class NetworkServer(Server):
    """Evaluates networks on images that it cannot see: what ``Server(owner.evaluation_keys)`` is for the keys of a network.

    Parameters
    ----------
    evaluation_keys : NetworkKeys
        They are not copied.
    threads : int, optional
        How many processors to use; all by default.
    progress : bool or callable, default=False
    """

    _why_not_pickled = "pass the object itself, or write the server's directory with NetworkOwner.save(server=...)"

    def __init__(self, evaluation_keys, *, threads=None, progress=False):
        self._native = _tapetum.NetworkServer(unwrapped(evaluation_keys, NetworkKeys), threads)
        self.progress = progress

    @classmethod
    def load(cls, dir, network, *, key_memory=None, threads=None, progress=False):
        """Opens a server's directory for a network, unless there is a secret key anywhere in it.

        Parameters
        ----------
        dir : str or path-like
        network : Network
        key_memory : int, optional
            Keys stay in their file until they are used; of those that were, so many bytes stay in memory, or all.

        Returns
        -------
        NetworkServer
        """
        server = cls.__new__(cls)
        server.progress = progress
        with callback(progress) as told:
            native = unwrapped(network, Network)
            server._native = _tapetum.NetworkServer.open(os.fspath(dir), native, key_memory, threads, told)
        return server

    def decision_function(self, network, images):
        """Computes the encrypted scores of encrypted images, one after the other.

        Parameters
        ----------
        network : Network
        images : EncryptedImages

        Returns
        -------
        NetworkScores
        """
        network, natives = unwrapped(network, Network), natives_of(images)
        with callback(self.progress) as told:
            return NetworkScores([self._native.decision_function(network, image, told) for image in natives])

    def fit(self, *_, **__):
        """Refused: networks are trained in the clear."""
        raise RoleError("these keys are for a network, which is trained in the clear: keys for training are of an estimator")

    def read(self, path):
        """Reads the file of an encrypted image.

        Returns
        -------
        EncryptedImages
        """
        return EncryptedImages([_tapetum.EncryptedImage.read(os.fspath(path), self._native.plan)])

    def _facts(self):
        return {**facts_of(self._native.describe()), "threads": self._native.threads}


Server._here[NetworkKeys] = NetworkServer
