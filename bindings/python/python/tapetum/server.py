"""The server, on this machine."""

import os

from . import _tapetum
from ._facts import plan_facts, unwrapped
from ._progress import callback
from .encrypted import EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores, EvaluationKeys, Reading
from .plain_model import PlainModel


class Server(Reading):
    """Trains and classifies what it cannot see.

    Parameters
    ----------
    evaluation_keys : EvaluationKeys or NetworkKeys
        As :attr:`Owner.evaluation_keys` gives them. They are not copied. Of those for a network, a
        :class:`NetworkServer` is made.
    threads : int, optional
        How many processors to use; all by default. Methods may be called from several threads at once.
    progress : bool or callable, default=False
        Bars of tqdm, or a function of (description, done, total).
    """

    _why_not_pickled = "pass the object itself, or write the server's directory with Owner.save(server=...)"

    #: Classes for other kinds of keys, here and far away. They are derived from this one, so each enters itself.
    _here, _far = {}, {}

    def __new__(cls, evaluation_keys=None, *_, **__):
        if cls is Server:
            cls = Server._here.get(type(evaluation_keys), Server)
        return super().__new__(cls)

    def __init__(self, evaluation_keys, *, threads=None, progress=False):
        self._native = _tapetum.Server(unwrapped(evaluation_keys, EvaluationKeys), threads)
        self.progress = progress

    @classmethod
    def load(cls, dir, *, key_memory=None, threads=None, progress=False):
        """Opens a server's directory, unless there is a secret key anywhere in it.

        Parameters
        ----------
        dir : str or path-like
        key_memory : int, optional
            Keys stay in their file until they are used; of those that were, so many bytes stay in memory, or all.

        Returns
        -------
        Server
        """
        server = cls.__new__(cls)
        server.progress = progress
        with callback(progress) as told:
            server._native = _tapetum.Server.open(os.fspath(dir), key_memory, threads, told)
        return server

    @classmethod
    def connect(cls, url, evaluation_keys=None, *, token=None, fingerprint=None, ca=None, key_set=None, progress=False):
        """Reaches a server over HTTPS, which ``tapetum serve`` starts.

        Parameters
        ----------
        url : str
            Such as ``https://127.0.0.1:8750``.
        evaluation_keys : EvaluationKeys or NetworkKeys, optional
            They are sent. Without them data can be added to a data set and rows be classified with a model of which
            you know the id.
        token : str, optional
            By which the server knows you; otherwise the environment variable ``TAPETUM_TOKEN``.
        fingerprint : str, optional
            ``sha256:`` and the digits of the server's certificate, as its operator gives them.
        ca : str or path-like, optional
            In place of a fingerprint: a PEM file with the authorities to trust.
        key_set : str, optional
            The id of keys that the server has already: nothing is sent, and ``evaluation_keys`` may be the public key.
        progress : bool or callable, default=False

        Returns
        -------
        RemoteServer or RemoteNetworkServer

        Raises
        ------
        ServerUnreachable
        RoleError
            For another certificate or an unknown token.
        """
        kind = Server._far.get(type(evaluation_keys), Server._far[EvaluationKeys])
        return kind(url, evaluation_keys, token, fingerprint, ca, key_set, progress)

    def fit(self, data, *, checkpoint=None):
        """Trains on encrypted data.

        Ctrl-C stops it: ``KeyboardInterrupt`` is raised, and the server can be used as before. With a checkpoint, the
        same call then goes on from the last finished iteration.

        Parameters
        ----------
        data : EncryptedData or sequence of EncryptedData
            Of one contributor or several.
        checkpoint : str or path-like, optional
            For training in mini-batches: the file that keeps the state after every iteration, encrypted. If it exists,
            training goes on from there.

        Returns
        -------
        EncryptedModel
        """
        checkpoint = None if checkpoint is None else os.fspath(checkpoint)
        data = [data] if isinstance(data, EncryptedData) else list(data)
        natives = [unwrapped(part, EncryptedData) for part in data]
        with callback(self.progress) as told:
            return EncryptedModel(self._native.fit(natives, checkpoint, told))

    def decision_function(self, model, rows):
        """Computes the encrypted scores of encrypted rows.

        Parameters
        ----------
        model : EncryptedModel or PlainModel
        rows : EncryptedRows

        Returns
        -------
        EncryptedScores
        """
        rows = unwrapped(rows, EncryptedRows)
        with callback(self.progress) as told:
            if isinstance(model, PlainModel):
                model = model._model
            else:
                model = unwrapped(model, EncryptedModel)
            return EncryptedScores(self._native.decision_function(model, rows, told))

    def _facts(self):
        return {**plan_facts(self._native.describe()), "threads": self._native.threads}
