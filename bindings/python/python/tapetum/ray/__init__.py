"""The server's side on many machines, through Ray.

>>> import tapetum as tp                                                       # doctest: +SKIP
>>> server = tp.ray.Server(owner.evaluation_keys)                              # doctest: +SKIP
>>> fitted = server.fit([anne.encrypt(X1, y1), bert.encrypt(X2, y2)])          # doctest: +SKIP
>>> scores = server.decision_function(fitted, [owner.encrypt(X) for X in parts])   # doctest: +SKIP

No worker ever gets a secret key: what is sent are a server's directory and ciphertexts. Results are those of one machine bit
for bit, because sums of ciphertexts are exact and nothing on the server's side is random.
"""

import dataclasses
import hashlib
import os
import tempfile
from pathlib import Path

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise ImportError("tapetum.ray needs Ray: pip install tapetum[ray]") from error

from .. import server as _local
from .. import _tapetum
from .._facts import unwrapped
from .._progress import callback
from ..encrypted import EncryptedData, EncryptedModel, EncryptedRows, EncryptedScores, EvaluationKeys, Reading
from ..errors import InputError
from ..networks import Network, NetworkKeys, NetworkScores, natives_of
from ..plain_model import PlainModel
from . import _workers
from ._serve import classifier
from ._traffic import Traffic

__all__ = ["NetworkServer", "Server", "classifier"]

#: Sums that one task joins: what it has in memory at a time.
FAN_IN = 8
#: How often a task is run again when its node or process dies.
RETRIES = 10


class Server(Reading):
    """Trains and classifies on the nodes of a Ray cluster what none of them can see.

    The program must be connected to a cluster, ``ray.init(address=...)``; otherwise one is started on this machine.

    Parameters
    ----------
    evaluation_keys : EvaluationKeys or NetworkKeys
        They are sent to each node once. Of those for a network, a :class:`NetworkServer` is made.
    num_workers : int, optional
        Into how many shares a training set is divided; as many as tasks fit into the cluster by default.
    threads : int, default=1
        Processors of each task. Processes have keys in memory for themselves: many threads take less memory.
    progress : bool or callable, default=False
        Bars of tqdm, or a function of (description, done, total).

    Attributes
    ----------
    traffic : Traffic
        What was moved between nodes so far, by the model of `docs/cluster.md`.
    """

    _why_not_pickled = "make one in the program that is connected to the cluster"
    _kinds = {}

    def __new__(cls, evaluation_keys=None, *_, **__):
        if cls is Server:
            cls = Server._kinds.get(type(evaluation_keys), Server)
        return super().__new__(cls)

    def __init__(self, evaluation_keys, *, num_workers=None, threads=1, progress=False):
        if not ray.is_initialized():
            ray.init()
        self.num_workers = num_workers
        self.threads = threads
        self.progress = progress
        self._here = _local.Server(evaluation_keys)
        self._native = self._here._native
        with tempfile.TemporaryDirectory() as folder:
            evaluation_keys._native.save(os.path.join(folder, "server"))
            self._keys = _files(Path(folder) / "server")
        self._home = _workers.node()
        self.traffic = Traffic()

    def fit(self, data, *, checkpoint=None):
        """Trains on encrypted data, of which all nodes add up shares.

        Ridge regression is one pass over the data, and one worker solves what comes of it. Linear means and Fisher's discriminant
        are one pass, logistic regression is a pass for each iteration, over all samples or a mini-batch: the program begins and ends
        the passes, with its own copy of the keys, and weights go to the nodes each time.

        Parameters
        ----------
        data : EncryptedData or sequence of EncryptedData

        Returns
        -------
        EncryptedModel
        """
        if checkpoint is not None:
            raise InputError("checkpoints are files of one machine: train with tapetum.Server, or leave checkpoint out")
        data = [data] if isinstance(data, EncryptedData) else list(data)
        natives = [unwrapped(part, EncryptedData) for part in data]
        if not natives:
            raise InputError("there are no samples")
        shared = self._native.describe()["shared"]
        if shared == "passes":
            return self._fit_in_passes(natives)
        parts = [_put("data", native.part(number)) for native in natives for number in range(native.parts)]
        if shared == "sums":
            return self._fit_sums(parts)
        (model,) = self._all("training", [self._task(_workers.fit, self._job(), parts)])
        return EncryptedModel(self._native.read_bytes(model))

    def _fit_sums(self, parts):
        """Ridge regression."""
        job = self._job()
        shares = min(len(parts), self._shares())
        bounds = [len(parts) * share // shares for share in range(shares + 1)]
        sums = [self._task(_workers.add_up, job, parts[a:b], "sums") for a, b in zip(bounds, bounds[1:])]
        self._wait("adding up samples", sums)
        sums = self._joined(_workers.join_sums, job, sums)
        (model,) = self._all("training on the sums", [self._task(_workers.fit_sums, job, sums)])
        return EncryptedModel(self._native.read_bytes(model))

    def _fit_in_passes(self, natives):
        """Estimators that lead: they say what each pass begins with, and take its sums."""
        job = self._job()
        training = self._native.begin_passes(natives)
        count = self._shares()
        shares = [[_put("data", share) for share in training.shares(batch, count)] for batch in range(training.batches)]
        for number in range(training.total):
            start = _put("weights", training.start())
            of_batch = shares[training.upcoming]
            tasks = [
                # Where the share is since the last time.
                self._task(_workers.sums_of_pass, job, [start, share], "sums", near=share.used_on)
                for share in of_batch
            ]
            self._wait(f"pass {number + 1} of {training.total}", tasks)
            for share, task in zip(of_batch, tasks):
                share.used_on = task.node
            training.advance(self._fetched(self._joined(_workers.join_sums_of_pass, job, tasks)))
        return EncryptedModel(training.finish())

    def _joined(self, function, job, sums):
        """At most ``FAN_IN`` sums of all."""
        while len(sums) > FAN_IN:
            groups = [sums[start : start + FAN_IN] for start in range(0, len(sums), FAN_IN)]
            sums = [self._task(function, job, group, "sums") for group in groups]
            self._wait("joining sums", sums)
        return sums

    def decision_function(self, model, rows):
        """Computes the encrypted scores of encrypted rows.

        Parameters
        ----------
        model : EncryptedModel or PlainModel
        rows : EncryptedRows or sequence of EncryptedRows
            Each is classified by a task of its own.

        Returns
        -------
        EncryptedScores or list of EncryptedScores
        """
        many = not isinstance(rows, EncryptedRows)
        natives = [unwrapped(part, EncryptedRows) for part in (rows if many else [rows])]
        if isinstance(model, PlainModel):
            sent = _Object("model", ray.put(model))
        else:
            sent = _put("model", unwrapped(model, EncryptedModel).to_bytes())
        job = self._job()
        tasks = [self._task(_workers.classify, job, [sent, _put("data", native.to_bytes())], "scores") for native in natives]
        found = [EncryptedScores(self._native.read_bytes(scores)) for scores in self._all("classifying", tasks)]
        return found if many else found[0]

    def _job(self, network=None):
        return _workers.Job(self._keys, network, self.threads)

    def _slots(self):
        """How many tasks fit into the cluster."""
        return max(1, int(ray.cluster_resources().get("CPU", 1) // self.threads))

    def _shares(self):
        """Into how many shares samples are divided."""
        return self.num_workers or self._slots()

    def _task(self, function, job, inputs, kind="model", near=None):
        """A task on any node, or on this one while it is alive."""
        strategy = "SPREAD" if near is None else NodeAffinitySchedulingStrategy(near, soft=True)
        remote = ray.remote(function).options(
            num_cpus=self.threads, max_retries=RETRIES, num_returns=2, scheduling_strategy=strategy
        )
        made, ref = remote.remote(job, *(each.ref for each in inputs))
        return _Object(kind, ref, made=made, job=job, inputs=inputs)

    def _wait(self, what, tasks):
        """Waits for tasks, and notes what they moved."""
        waiting = [task.made for task in tasks]
        try:
            with callback(self.progress) as told:
                while waiting:
                    _, waiting = ray.wait(waiting, timeout=1.0)
                    if told is not None:
                        told(what, len(tasks) - len(waiting), len(tasks))
        except KeyboardInterrupt:
            for task in tasks:
                ray.cancel(task.ref)
            raise
        for task in tasks:
            task.node, task.nbytes = ray.get(task.made)
            for kind, files in (("keys", task.job.keys), ("network", task.job.network)):
                if files is not None:
                    self.traffic.move(kind, files.nbytes, self._home, task.node, files.digest)
            for each in task.inputs:
                self.traffic.move(each.kind, each.nbytes, each.node or self._home, task.node, each.ref.hex())

    def _all(self, what, tasks):
        """The results of tasks, in their order."""
        self._wait(what, tasks)
        return self._fetched(tasks)

    def _fetched(self, tasks):
        """The results of tasks that are done."""
        for task in tasks:
            self.traffic.move(task.kind, task.nbytes, task.node, self._home, task.ref.hex())
        return [ray.get(task.ref) for task in tasks]

    def _facts(self):
        return {**self._here._facts(), "nodes": sum(node["Alive"] for node in ray.nodes()), "threads": self.threads}


class NetworkServer(Server):
    """Evaluates networks on encrypted images, an image for each task: what ``Server(owner.evaluation_keys)`` is for the keys of
    a network.

    Parameters
    ----------
    evaluation_keys : NetworkKeys
    num_workers, threads, progress
        As of :class:`Server`.
    """

    def decision_function(self, network, images):
        """Computes the encrypted scores of encrypted images.

        Parameters
        ----------
        network : Network
        images : EncryptedImages

        Returns
        -------
        NetworkScores
        """
        unwrapped(network, Network)
        natives = natives_of(images)
        with tempfile.TemporaryDirectory() as folder:
            network.plan.save(os.path.join(folder, "plan.json"))
            Path(folder, "network.onnx").write_bytes(Path(network._path).read_bytes())
            job = self._job(_files(Path(folder)))
        inputs = [_put("data", native.to_bytes()) for native in natives]
        tasks = [self._task(_workers.classify_image, job, [image], "scores") for image in inputs]
        plan = network.plan._native
        return NetworkScores([_tapetum.NetworkScores.from_bytes(scores, plan) for scores in self._all("classifying", tasks)])

    def fit(self, *_, **__):
        """Refused: networks are trained in the clear."""
        return self._here.fit()


Server._kinds[NetworkKeys] = NetworkServer


@dataclasses.dataclass
class _Object:
    """Something in the object store: put there by this program or, later, made by a task."""

    kind: str
    ref: object
    nbytes: int = 0
    node: str | None = None
    #: Of a task: where its result is and how large, what it computes with, and what it reads.
    made: object = None
    job: object = None
    inputs: list = ()
    #: The node of the last task that read it, if the next one is to run there.
    used_on: str | None = None


def _put(kind, content):
    return _Object(kind, ray.put(content), len(content))


def _files(folder):
    """The files of a folder in the object store."""
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    digest = hashlib.blake2b(digest_size=16)
    for name, content in contents.items():
        digest.update(f"{name} {len(content)} ".encode())
        digest.update(content)
    nbytes = sum(map(len, contents.values()))
    return _workers.Files(digest.hexdigest(), {name: ray.put(content) for name, content in contents.items()}, nbytes)
