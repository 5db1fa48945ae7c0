"""What runs on the machines of a cluster: evaluation keys once for each node, a server for each process.

The functions from :func:`add_up` on are Ray's tasks. They take bytes, and give bytes and where these were made.
"""

import dataclasses
import os
import stat
import tempfile
from pathlib import Path

import ray

from .. import _tapetum
from ..errors import RoleError
from ..network_roles import NetworkServer
from ..networks import Network, NetworkPlan
from ..server import Server


@dataclasses.dataclass(frozen=True)
class Files:
    """Files that every node needs once, by name, each in Ray's object store."""

    digest: str
    refs: dict
    nbytes: int


@dataclasses.dataclass(frozen=True)
class Job:
    """What a process needs to compute with."""

    keys: Files
    network: Files | None = None
    threads: int | None = None


#: The server that this process used last: one, because keys are large.
_latest = {}


def node():
    """The id of the node that this runs on."""
    return ray.get_runtime_context().get_node_id()


def directory():
    """The folder of this user's files on this machine."""
    parent = Path(tempfile.gettempdir()) / f"tapetum-ray-{os.getuid()}"
    parent.mkdir(mode=0o700, exist_ok=True)
    found = parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise RoleError(f"{parent} belongs to somebody else, or others may write to it: remove it, or set TMPDIR")
    return parent


def on_this_node(files):
    """The folder with these files, which the first process of a node writes."""
    parent = directory()
    place = parent / f"{node()[:16]}-{files.digest}"
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=parent) as scratch:
            written = Path(scratch) / "files"
            written.mkdir()
            for name, ref in files.refs.items():
                (written / name).write_bytes(ray.get(ref))
            try:
                written.rename(place)
            except OSError:
                # Another process was faster.
                if not place.exists():
                    raise
    return place


def server_of(job):
    """The server of this process for these keys, and the network if there is one."""
    name = (job.keys.digest, job.network and job.network.digest, job.threads)
    if name not in _latest:
        _latest.clear()
        keys = on_this_node(job.keys)
        if job.network is None:
            _latest[name] = Server.load(keys, threads=job.threads), None
        else:
            files = on_this_node(job.network)
            plan = NetworkPlan.load(files / "plan.json")
            network = Network.from_onnx(files / "network.onnx", plan=plan)
            _latest[name] = NetworkServer.load(keys, network, threads=job.threads), network
    return _latest[name]


def _read(server, parts):
    return [server._native.read_bytes(part) for part in parts]


def _made(content):
    return (node(), len(content)), content


def add_up(job, *parts):
    """The sums of parts of encrypted data."""
    server, _ = server_of(job)
    return _made(server._native.add_up(_read(server, parts)))


def join_sums(job, *sums):
    """Sums of sums."""
    server, _ = server_of(job)
    return _made(server._native.join_sums(list(sums)))


def fit_sums(job, *sums):
    """The model of all sums."""
    server, _ = server_of(job)
    return _made(server._native.fit_sums(list(sums)).to_bytes())


def sums_of_pass(job, start, share):
    """The sums of a share of the samples in a pass that begins so."""
    server, _ = server_of(job)
    (share,) = _read(server, [share])
    return _made(server._native.sums_of_pass(start, share))


def join_sums_of_pass(job, *sums):
    """The sums of several shares."""
    server, _ = server_of(job)
    return _made(server._native.join_sums_of_pass(list(sums)))


def fit(job, *parts):
    """The model of all parts, for estimators whose work nobody shares."""
    server, _ = server_of(job)
    return _made(server._native.fit(_read(server, parts)).to_bytes())


def classify(job, model, rows):
    """The scores of rows by a model, encrypted or in the clear."""
    server, _ = server_of(job)
    if isinstance(model, bytes):
        (model,) = _read(server, [model])
    else:
        model = model._model
    (rows,) = _read(server, [rows])
    return _made(server._native.decision_function(model, rows).to_bytes())


def classify_image(job, image):
    """The scores of an image by the network of the job."""
    server, network = server_of(job)
    image = _tapetum.EncryptedImage.from_bytes(image, network.plan._native)
    return _made(server._native.decision_function(network._native, image).to_bytes())
