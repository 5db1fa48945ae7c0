"""Networks from ONNX files: planned, evaluated in the clear, and evaluated on encrypted images.

A provider has a network and makes its plan; who wants images classified makes keys for the plan. The server has the
network and sees neither images nor scores.
"""

import base64
import os

import numpy as np

from . import _tapetum
from ._base import decide
from ._facts import Facts, in_bytes, unwrapped
from ._png import grey_png
from ._validation import class_names
from .errors import InputError


def facts_of(described):
    return {
        "layers": described["layers"],
        "classes": ", ".join(described["classes"]),
        "parameters": f"N = 2^{described['log_n']}, {described['levels']} levels, {described['security_bits']}-bit security",
        "bootstraps": described["bootstraps"],
        "evaluation keys": f"{described['evaluation_keys']}, {in_bytes(described['evaluation_key_bytes'])}",
        "encoded weights": in_bytes(described["weight_bytes"]),
        "predicted CPU time": f"{described['predicted_cpu_seconds']:.1f} s per image",
    }


def _pictures(X):
    """Pictures as (n, height, width, channels) of bytes, or None if X holds values."""
    array = np.asarray(X)
    if array.dtype != np.uint8:
        return None
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise InputError(
            "pictures of 8 bits have shape (n_samples, height, width) or (n_samples, height, width, 3), but X has "
            f"{np.asarray(X).shape}"
        )
    return np.ascontiguousarray(array)


def _values(X, shape):
    """Values of images as rows."""
    array = np.asarray(X)
    length = int(np.prod(shape))
    if array.ndim < 2 or array[0].size != length:
        raise InputError(
            f"the network takes images of {' x '.join(map(str, shape[1:]))} values, (n_samples, {length}), or pictures of 8 "
            f"bits (dtype uint8), but X has shape {array.shape} and dtype {array.dtype}"
        )
    array = np.ascontiguousarray(array.reshape(len(array), length), dtype=np.float64)
    if not np.isfinite(array).all():
        raise InputError("Input X contains NaN or infinity.")
    return array


class NetworkPlan(Facts):
    """What everyone needs who uses a network: parameters, layers and the names of classes, and no weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    input_shape : tuple
        ``(1, channels, height, width)`` or ``(1, length)``.
    """

    _why_not_pickled = "write it to a file with save(), and read it with tapetum.NetworkPlan.load"

    def __init__(self, native):
        self._native = native
        self.classes_ = np.array(native.classes)
        self.input_shape = tuple(native.input_shape)

    @classmethod
    def load(cls, path):
        """Reads the file that :meth:`save` or ``tapetum net plan --out`` wrote.

        Returns
        -------
        NetworkPlan
        """
        return cls(_tapetum.NetworkPlan.read(os.fspath(path)))

    def save(self, path):
        """Writes the file that the command reads.

        Returns
        -------
        int
            Bytes of the file.
        """
        return self._native.save(os.fspath(path))

    def _rows(self, X):
        pictures = _pictures(X)
        return _values(X, self.input_shape) if pictures is None else self._native.values(pictures)

    def _facts(self):
        return facts_of(self._native.describe())


class Network(Facts):
    """A network in the clear, with its plan. Made by :meth:`from_onnx`.

    In the clear it is a fitted classifier: ``decision_function``, ``predict``, ``score``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    plan : NetworkPlan
    """

    _estimator_type = "classifier"
    _why_not_pickled = "read its file again with tapetum.Network.from_onnx"

    def __init__(self, native, path):
        self._native = native
        self._path = path
        self.plan = NetworkPlan(native.plan)
        self.classes_ = self.plan.classes_

    @classmethod
    def from_onnx(
        cls, path, *, classes=None, calibration=None, value_range=(0.0, 1.0), mean=(), deviation=(), colours="rgb", plan=None
    ):
        """Reads a network, and plans its evaluation on encrypted images.

        Parameters
        ----------
        path : str or path-like
            An ONNX file, of operators that `docs/networks-operators.md` lists.
        classes : sequence, optional
            What the scores stand for; 0, 1, ... by default.
        calibration : array-like, optional
            Images like those to come, which set the scale of the layers. Scores are the same with others, but less or more
            precise.
        value_range : (float, float), default=(0, 1)
            What black and white are in the network.
        mean, deviation : sequence of float, optional
            What is taken from the values of each channel, and what they are divided by.
        colours : {"rgb", "bgr"}, default="rgb"
            Which colour comes first.
        plan : NetworkPlan, optional
            In place of all of these: a plan that was made of this network before.

        Returns
        -------
        Network
        """
        path = os.path.abspath(os.fspath(path))
        if plan is not None:
            return cls(_tapetum.Network.with_plan(path, unwrapped(plan, NetworkPlan)), path)
        if colours not in ("rgb", "bgr"):
            raise InputError(f"colours is {colours!r}, but must be 'rgb' or 'bgr'")
        settings = {
            "value_range": [float(end) for end in value_range],
            "mean": [float(value) for value in mean],
            "deviation": [float(value) for value in deviation],
            "blue_first": colours == "bgr",
        }
        names = None if classes is None else class_names(classes)
        pictures = values = None
        if calibration is not None:
            pictures = _pictures(calibration)
            if pictures is None:
                values = np.asarray(calibration, dtype=np.float64)
                values = np.ascontiguousarray(values.reshape(len(values), -1))
        network = cls(_tapetum.Network.from_onnx(path, names, settings, pictures, values), path)
        if classes is not None:
            network.classes_ = np.asarray(classes)
        elif names is None:
            network.classes_ = np.arange(len(network.classes_))
        return network

    def decision_function(self, X):
        """The scores of images in the clear.

        Parameters
        ----------
        X : array-like
            Pictures of 8 bits, (n_samples, height, width) or (n_samples, height, width, 3), of which the middle is resized to
            what the network takes; or values as the network takes them, (n_samples, ...).

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._native.decision_function(self.plan._rows(X))

    def predict(self, X):
        """The classes of images in the clear.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return decide(self.decision_function(X), self.classes_)

    def score(self, X, y):
        """The share of images that are classified correctly.

        Returns
        -------
        float
        """
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def __sklearn_is_fitted__(self):
        return True

    def _facts(self):
        return self.plan._facts()


class _Images(Facts):
    """One ciphertext file for each image."""

    _why_not_pickled = "write each to a file with save(), and read it with read() of an owner"
    _SIDE = 64

    def __init__(self, natives):
        self._natives = natives

    def __len__(self):
        return len(self._natives)

    def __getitem__(self, place):
        natives = self._natives[place]
        return type(self)(natives if isinstance(place, slice) else [natives])

    @property
    def n_samples(self):
        """The number of images."""
        return len(self._natives)

    def save(self, path):
        """Writes the file of one image, which the command reads: ``images[0].save("cat.enc")``.

        Returns
        -------
        int
            Bytes of the file.
        """
        if len(self) != 1:
            raise InputError(f"a file has one image, but these are {len(self)}: save each, images[0].save(...)")
        return self._natives[0].save(os.fspath(path))

    def _facts(self):
        return {"samples": self.n_samples}

    def _repr_html_(self):
        drawn = ""
        for native in self._natives[:1]:
            picture = base64.b64encode(grey_png(self._SIDE, bytes(native.excerpt(self._SIDE * self._SIDE)))).decode()
            drawn = f"<img alt='bytes of a ciphertext' width='{2 * self._SIDE}' src='data:image/png;base64,{picture}'>"
        return super()._repr_html_() + drawn


class EncryptedImages(_Images):
    """Encrypted images for a network; see :meth:`NetworkOwner.encrypt`."""


class NetworkScores(_Images):
    """Scores of a network that nobody but the owner can read; see :meth:`Server.decision_function`."""


class NetworkKeys(Facts):
    """What a server computes with for the images of one owner. They reveal nothing."""

    _why_not_pickled = "pass the object itself, or write a server's directory with NetworkOwner.save(server=...)"

    def __init__(self, native, plan):
        self._native = native
        self.plan = plan

    @property
    def nbytes(self):
        """Bytes in memory; servers share them with the owner that made them."""
        return self._native.nbytes

    def _facts(self):
        return facts_of(self._native.describe())


class NetworkPublicKey(Facts):
    """What contributors encrypt images with."""

    _why_not_pickled = "pass the object itself, or write a directory with NetworkOwner.save(contributor=...)"

    def __init__(self, native):
        self._native = native

    def _facts(self):
        return facts_of(self._native.describe())


def natives_of(images):
    """What a server computes with."""
    if not isinstance(images, EncryptedImages):
        raise TypeError(f"expected EncryptedImages, found {type(images).__name__}")
    return images._natives
