"""Many machines: two nodes of Ray on loopback addresses of their own."""

import os

import numpy as np
import pytest
import tapetum as tp

from conftest import blobs
from test_networks import ONNX, digits

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install tapetum[ray]")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Otherwise Ray kills tasks when other programs take memory.
os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")

from ray.cluster_utils import Cluster  # noqa: E402

STORE = 400_000_000


@pytest.fixture(scope="module")
def cluster():
    """The node of this program, and another one, with a processor each."""
    common = {"num_cpus": 1, "object_store_memory": STORE}
    head = {**common, "node_ip_address": "127.0.0.2", "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=head)
    found.other = found.add_node(node_ip_address="127.0.0.3", **common)
    found.wait_for_nodes()
    ray.init(address=found.address, _node_ip_address="127.0.0.2", log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


class Ridge:
    """A ridge regression of data in six parts, and its model by one machine."""

    def __init__(self):
        X, y = blobs(360, 5, classes=3)
        self.X, self.y = X, y
        self.owner = tp.Owner.generate(tp.Ridge(max_iter=2, plain_columns=True), X, y)
        self.parts = [self.owner.encrypt(X[i : i + 60], y[i : i + 60]) for i in range(0, 360, 60)]
        self.server = tp.Server(self.owner.evaluation_keys)
        self.model = self.server.fit(self.parts)


@pytest.fixture(scope="module")
def ridge():
    return Ridge()


def same(a, b):
    return a._native.to_bytes() == b._native.to_bytes()


def test_ridge_is_that_of_one_machine_bit_for_bit(cluster, ridge):
    server = tp.ray.Server(ridge.owner.evaluation_keys)
    assert same(server.fit(ridge.parts), ridge.model)
    assert same(tp.ray.Server(ridge.owner.evaluation_keys, num_workers=5).fit(ridge.parts), ridge.model)
    # The other node took part, and got the keys once.
    assert server.traffic.bytes["keys"] == server._keys.nbytes
    assert server.traffic.bytes["data"] > 0


def test_many_shares_are_joined_as_a_tree(cluster, ridge, monkeypatch):
    monkeypatch.setattr(tp.ray, "FAN_IN", 2)
    server = tp.ray.Server(ridge.owner.evaluation_keys, num_workers=6)
    assert same(server.fit(ridge.parts), ridge.model)


def test_scores_are_those_of_one_machine(cluster, ridge):
    server = tp.ray.Server(ridge.owner.evaluation_keys)
    rows = [ridge.owner.encrypt(part) for part in np.array_split(ridge.X, 4)]
    found = server.decision_function(ridge.model, rows)
    for part, scores in zip(rows, found):
        assert same(scores, ridge.server.decision_function(ridge.model, part))
    assert same(server.decision_function(ridge.model, rows[0]), found[0])


def test_other_estimators_are_trained_on_one_node(cluster):
    X, y = blobs(40)
    owner = tp.Owner.generate(tp.LinearMeans(), X, y)
    data = owner.encrypt(X, y)
    assert same(tp.ray.Server(owner.evaluation_keys).fit(data), tp.Server(owner.evaluation_keys).fit(data))


def test_a_plain_model_classifies(cluster):
    X, y = blobs(40)
    owner = tp.Owner.generate(tp.LinearMeans(), X, y)
    plain = owner.decrypt(tp.Server(owner.evaluation_keys).fit(owner.encrypt(X, y)))
    rows = [owner.encrypt(X[:20]), owner.encrypt(X[20:])]
    found = tp.ray.Server(owner.evaluation_keys).decision_function(plain, rows)
    assert np.mean(np.concatenate([owner.predict(scores) for scores in found]) == y) > 0.9


def test_networks_are_evaluated_as_on_one_machine(cluster):
    network = tp.Network.from_onnx(ONNX, calibration=digits(8, 1))
    owner = tp.Owner.generate(network)
    images = owner.encrypt(digits(2))
    server = tp.ray.Server(owner.evaluation_keys)
    assert isinstance(server, tp.ray.NetworkServer)
    found = server.decision_function(network, images)
    expected = tp.Server(owner.evaluation_keys).decision_function(network, images)
    assert all(a.to_bytes() == b.to_bytes() for a, b in zip(found._natives, expected._natives, strict=True))
    with pytest.raises(tp.RoleError, match="trained in the clear"):
        server.fit(images)


def test_errors_are_those_of_the_package(cluster, ridge):
    X, y = blobs(40, 5, classes=3)
    other = tp.Owner.generate(tp.Ridge(max_iter=2, plain_columns=True), X, y)
    server = tp.ray.Server(ridge.owner.evaluation_keys)
    with pytest.raises(tp.KeyMismatch):
        server.fit([ridge.parts[0], other.encrypt(X, y)])
    with pytest.raises(tp.InputError, match="checkpoint"):
        server.fit(ridge.parts, checkpoint="state.enc")
    with pytest.raises(TypeError, match="EncryptedData"):
        server.fit([ridge.owner])


def test_no_owner_reaches_a_worker(cluster, ridge):
    for secret in (ridge.owner, ridge.owner._native, ridge.owner.evaluation_keys):
        with pytest.raises(Exception, match="pickle"):
            ray.put(secret)


# The last test: the other node is gone after it.
def test_a_node_that_dies_changes_nothing(cluster, ridge):
    server = tp.ray.Server(ridge.owner.evaluation_keys, num_workers=6)
    died = []

    def kill(what, done, total):
        if done >= 1 and not died:
            died.append((what, done < total))
            cluster.remove_node(cluster.other, allow_graceful=False)

    server.progress = kill
    assert same(server.fit(ridge.parts), ridge.model)
    assert died == [("adding up samples", True)]
    assert sum(node["Alive"] for node in ray.nodes()) == 1
