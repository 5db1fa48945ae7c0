"""A server far away, over HTTPS."""

import contextlib
import json
import os
import weakref

from . import _tapetum
from ._facts import plan_facts, unwrapped
from ._progress import callback
from .encrypted import EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores, EvaluationKeys, PublicKey
from .errors import Error, InputError, RoleError
from .networks import EncryptedImages, Network, NetworkKeys, NetworkPlan, NetworkScores, natives_of
from .plain_model import PlainModel
from .server import Server

#: The environment variable with a token, as for the command.
_TOKEN = "TAPETUM_TOKEN"


class RemoteModel(EncryptedModel):
    """A model that a server has trained and keeps; it is fetched when it is saved or decrypted.

    Attributes
    ----------
    id : str
        By which the server knows it.
    """

    def __init__(self, server, id):
        self._server = server
        self._fetched = None
        self.id = id

    @property
    def _native(self):
        if self._fetched is None:
            self._fetched = self._server.model(self.id)
        return self._fetched

    def _facts(self):
        return {"id": self.id}


class RemoteServer(Server):
    """A server over HTTPS, which :meth:`Server.connect` reaches; it does what :class:`Server` does.

    All that was sent stays there until it is deleted, see :meth:`delete`. Methods may be called from several threads
    at once.

    Attributes
    ----------
    url : str
    key_set : str or None
        By which the server knows the evaluation keys.
    """

    _why_not_pickled = "it holds a token; connect again with tapetum.Server.connect"

    def __init__(self, url, evaluation_keys, token, fingerprint, ca, key_set, progress):
        if token is None:
            token = os.environ.get(_TOKEN)
            if not token:
                raise RoleError(f"there is no token: give token=..., or set the environment variable {_TOKEN}")
        if evaluation_keys is not None:
            kind = PublicKey if isinstance(evaluation_keys, PublicKey) else EvaluationKeys
            evaluation_keys = unwrapped(evaluation_keys, kind)
        address = {
            "url": url,
            "token": token,
            "fingerprint": fingerprint,
            "authorities": None if ca is None else os.fspath(ca),
        }
        self.url = url
        self.progress = progress
        with callback(progress) as told:
            self._native = _tapetum.RemoteServer.connect(address, evaluation_keys, key_set, told)
        self.key_set = self._native.key_set
        self._tenant, self._scopes = self._native.whoami()
        #: Ids of models in the clear that were sent.
        self._sent = weakref.WeakKeyDictionary()

    def create_data_set(self):
        """Makes an empty data set, to which contributors :meth:`append`. It takes the evaluation keys.

        Returns
        -------
        str
            Its id. :meth:`fit` takes it in place of data.
        """
        return self._native.create_data_set()

    def append(self, data_set, data):
        """Sends encrypted data, to be trained on later: what contributors do.

        Parameters
        ----------
        data_set : str
            The id of the data set that they join.
        data : EncryptedData or sequence of EncryptedData
        """
        parts = [data] if isinstance(data, EncryptedData) else list(data)
        natives = [unwrapped(part, EncryptedData) for part in parts]
        with callback(self.progress) as told:
            for native in natives:
                self._native.append(data_set, native, told)

    def fit(self, data, *, checkpoint=None, without=()):
        """Sends encrypted data, and has a model trained on them.

        Ctrl-C ends the training on the server and deletes what was sent for it. With a checkpoint the training goes on
        there: the same call waits for it again.

        Parameters
        ----------
        data : EncryptedData, sequence of EncryptedData, or str
            Of one contributor or several; or the id of a data set, see :meth:`create_data_set`.
        checkpoint : str or path-like, optional
            A file that keeps the id of the training.
        without : sequence of str, optional
            Contributors whose samples are left out, as if they had never been there.

        Returns
        -------
        RemoteModel
        """
        known = isinstance(data, str)
        parts = [data] if known or isinstance(data, EncryptedData) else list(data)
        natives = [] if known else [unwrapped(part, EncryptedData) for part in parts]
        without = list(without)
        kept = None
        if checkpoint is not None:
            samples = [data] if known else [native.digest() for native in natives]
            kept = _Kept(checkpoint, {"server": self.url, "key_set": self.key_set, "samples": samples, "without": without})
        if kept is not None and kept.job is not None:
            return self._trained(kept.job)
        with contextlib.ExitStack() as undo:
            data_set = data if known else self.create_data_set()
            if not known:
                undo.enter_context(self._cleared_away(data_set))
                self.append(data_set, parts)
            job = self._native.begin_training(data_set, without)
            if kept is None:
                undo.enter_context(self._cancelled(job))
                return self._trained(job)
            kept.write(job)
        return self._trained(job)

    def _trained(self, job):
        with callback(self.progress) as told:
            return RemoteModel(self._native, self._native.finish_training(job, told))

    def add_model(self, model):
        """Sends a model in the clear, which the server then sees.

        Parameters
        ----------
        model : PlainModel

        Returns
        -------
        str
            The id of the model. :meth:`decision_function` takes it in place of the model, also from those who have a
            token to classify only.
        """
        if not isinstance(model, PlainModel):
            raise TypeError(f"expected PlainModel, found {type(model).__name__}")
        with callback(self.progress) as told:
            id = self._native.add_model(model._model, told)
        self._sent[model] = id
        return id

    def add_network(self, network, *, queries_per_token=None):
        """Sends a network and its plan, for others on the server to have their images classified by. The server sees it.

        Parameters
        ----------
        network : Network
        queries_per_token : int, optional
            How many classifications each token may ask for in all; any number by default. Scores tell about the weights.

        Returns
        -------
        str
            The id of the network.
        """
        if not isinstance(network, Network):
            raise TypeError(f"expected Network, found {type(network).__name__}")
        with callback(self.progress) as told:
            return self._native.add_network(network._path, network.plan._native, queries_per_token, told)

    def network_plan(self, id):
        """Fetches the plan of a network, to make keys for: ``Owner.generate(server.network_plan(id))``.

        Parameters
        ----------
        id : str

        Returns
        -------
        NetworkPlan
        """
        return NetworkPlan(self._native.network_plan(id))

    def decision_function(self, model, rows):
        """Has the scores of encrypted rows computed.

        Parameters
        ----------
        model : RemoteModel, PlainModel or str
            A model that this server has trained, or its id; one in the clear is sent when it is first used.
        rows : EncryptedRows

        Returns
        -------
        EncryptedScores
        """
        rows = unwrapped(rows, EncryptedRows)
        clear = None
        if isinstance(model, PlainModel):
            clear = model._model
            id = self._sent.get(model) or self.add_model(model)
        elif isinstance(model, RemoteModel):
            id = model.id
        elif isinstance(model, EncryptedModel):
            raise RoleError(
                "a server classifies with models that it has trained or that are in the clear; this one was trained "
                "elsewhere: classify with tapetum.Server(evaluation_keys)"
            )
        elif isinstance(model, str):
            id = model
        else:
            raise TypeError(f"expected RemoteModel, PlainModel or the id of a model, found {type(model).__name__}")
        with callback(self.progress) as told:
            job = self._native.begin_classification(id, rows, clear, told)
            with self._cancelled(job):
                return EncryptedScores(self._native.finish_classification(job, rows, told))

    def delete(self, id):
        """Deletes a data set, a model, or the key set on the server.

        Parameters
        ----------
        id : str or RemoteModel
        """
        self._native.delete(id.id if isinstance(id, RemoteModel) else id)

    @contextlib.contextmanager
    def _cancelled(self, job):
        """Ends the job on the server if nobody waits for it any more."""
        try:
            yield
        except BaseException:
            # It may be over already, and what went wrong says more.
            with contextlib.suppress(Error):
                self._native.cancel(job)
            raise

    @contextlib.contextmanager
    def _cleared_away(self, data_set):
        """Deletes a data set whose training did not come to be."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(Error):
                self._native.delete(data_set)
            raise

    def _facts(self):
        described = self._native.describe()
        return {
            "url": self.url,
            "tenant": self._tenant,
            "scopes": ", ".join(self._scopes),
            **({} if described is None else plan_facts(described)),
        }


class RemoteNetworkServer(RemoteServer):
    """A server over HTTPS with the keys of a :class:`NetworkOwner`, which :meth:`Server.connect` reaches."""

    def __init__(self, url, evaluation_keys, token, fingerprint, ca, key_set, progress):
        super().__init__(url, None, token, fingerprint, ca, None, progress)
        self._plan = evaluation_keys.plan
        with callback(progress) as told:
            self.key_set = key_set or self._native.send_network_keys(unwrapped(evaluation_keys, NetworkKeys), told)

    def fit(self, *_, **__):
        """Refused: networks are trained in the clear."""
        raise RoleError("these keys are for a network, which is trained in the clear: keys for training are of an estimator")

    def decision_function(self, network, images):
        """Has the scores of encrypted images computed, one after the other.

        Parameters
        ----------
        network : str
            The id of a network on the server, see :meth:`add_network`.
        images : EncryptedImages

        Returns
        -------
        NetworkScores
        """
        if not isinstance(network, str):
            raise TypeError(f"expected the id of a network, found {type(network).__name__}: add_network gives it")
        natives, found = natives_of(images), []
        with callback(self.progress) as told:
            for image in natives:
                job = self._native.begin_image(network, self.key_set, image, told)
                with self._cancelled(job):
                    found.append(self._native.finish_image(job, self._plan._native, told))
        return NetworkScores(found)

    def read(self, path):
        """Reads the file of an encrypted image.

        Returns
        -------
        EncryptedImages
        """
        return EncryptedImages([_tapetum.EncryptedImage.read(os.fspath(path), self._plan._native)])

    def _facts(self):
        return {**super()._facts(), **self._plan._facts()}


Server._far.update({EvaluationKeys: RemoteServer, NetworkKeys: RemoteNetworkServer})


class _Kept:
    """The file that keeps the id of a training, with all that it was asked for."""

    def __init__(self, path, asked):
        self._path = os.fspath(path)
        self._asked = asked
        self.job = None
        if not os.path.exists(self._path):
            return
        try:
            with open(self._path, encoding="utf-8") as file:
                kept = json.load(file)
            self.job = kept.pop("job")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(f"{self._path} does not keep a training on a server: choose another name") from error
        if kept != asked:
            raise InputError(
                f"{self._path} is of another training: give the same server and the same encrypted data, or remove the file "
                "to start over"
            )

    def write(self, job):
        temporary = f"{self._path}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({**self._asked, "job": job}, file)
        os.replace(temporary, self._path)
