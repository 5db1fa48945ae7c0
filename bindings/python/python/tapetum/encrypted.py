"""What travels between the roles: keys that are not secret, and what is encrypted."""

import base64
import os

from . import _tapetum
from ._facts import Facts, in_bytes, plan_facts
from ._png import grey_png


class _Kept(Facts):
    """What is kept in files and not in pickles."""

    _why_not_pickled = "write it to a file with save(), and read it with load() of an owner or server"

    def __init__(self, native):
        self._native = native

    def save(self, path):
        """Writes the file that the command reads. Nothing but a file of the same kind is replaced.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        int
            Bytes of the file.
        """
        return self._native.save(os.fspath(path))


class _Drawn(_Kept):
    """What is drawn in notebooks: bytes of its first ciphertext, as grey pixels."""

    _SIDE = 64

    def _repr_html_(self):
        pixels = bytes(self._native.excerpt(self._SIDE * self._SIDE))
        picture = base64.b64encode(grey_png(self._SIDE, pixels)).decode()
        drawn = f"<img alt='bytes of a ciphertext' width='{2 * self._SIDE}' src='data:image/png;base64,{picture}'>"
        return super()._repr_html_() + drawn


class EncryptedData(_Kept):
    """Labelled rows, to train on; see :meth:`Owner.encrypt`."""

    @property
    def n_samples(self):
        """The number of samples."""
        return self._native.samples

    @property
    def contributor(self):
        """Whose samples they are, in the clear."""
        return self._native.contributor

    def _facts(self):
        return {"samples": self.n_samples, "labels": "encrypted", "contributor": self.contributor}


class EncryptedRows(_Drawn):
    """Rows, to be classified; see :meth:`Owner.encrypt`."""

    @property
    def n_samples(self):
        """The number of samples."""
        return self._native.samples

    def _facts(self):
        return {"samples": self.n_samples}


class EncryptedModel(_Kept):
    """A model that nobody but the owner can read; see :meth:`Server.fit`."""

    def _facts(self):
        return {"classes": self._native.classes}


class EncryptedScores(_Drawn):
    """Scores that nobody but the owner can read; see :meth:`Server.decision_function`."""

    @property
    def n_samples(self):
        """The number of samples."""
        return self._native.samples

    def _facts(self):
        return {"samples": self.n_samples, "classes": self._native.classes}


_WRAPPERS = {
    _tapetum.EncryptedData: EncryptedData,
    _tapetum.EncryptedRows: EncryptedRows,
    _tapetum.EncryptedModel: EncryptedModel,
    _tapetum.EncryptedScores: EncryptedScores,
}


def wrapped(native):
    return _WRAPPERS[type(native)](native)


class Reading(Facts):
    """Who reads files."""

    def read(self, path):
        """Reads a file of encrypted data, rows, scores, or an encrypted model.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        EncryptedData, EncryptedRows, EncryptedModel or EncryptedScores
        """
        return wrapped(self._native.load(os.fspath(path)))


class EvaluationKeys(Facts):
    """What a server computes with. They reveal nothing. See :attr:`Owner.evaluation_keys`."""

    _why_not_pickled = "pass the object itself, or write a server's directory with Owner.save(server=...)"

    def __init__(self, native):
        self._native = native

    @property
    def nbytes(self):
        """Bytes in memory; servers share them with the owner that made them."""
        return self._native.nbytes

    def _facts(self):
        return {**plan_facts(self._native.describe()), "memory": in_bytes(self.nbytes)}


class PublicKey(Facts):
    """What a contributor needs: the public key, the plan, and how features are standardised.

    The statistics of features tell about the training data, so give this to contributors and not to servers.
    """

    _why_not_pickled = "pass the object itself, or write a contributor's directory with Owner.save(contributor=...)"

    def __init__(self, native, classes):
        self._native = native
        self._classes = classes

    def _facts(self):
        return plan_facts(self._native.describe())
