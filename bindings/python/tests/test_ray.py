"""Many machines: two nodes of Ray on loopback addresses of their own."""

import http.client
import os
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tapetum as tp

from conftest import blobs
from test_networks import ONNX, digits

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install tapetum[ray]")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Otherwise Ray kills tasks when other programs take memory.
os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")
# Workers run at a lower priority otherwise, and on a busy machine next to never.
os.environ.setdefault("RAY_worker_niceness", "0")
# On a busy machine Ray Serve's proxy takes its time.
os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "120")

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


SETTINGS = {"max_iter": 2, "plain_columns": True}
#: An estimator, the number of classes, and the shares of a pass.
IN_PASSES = {
    "linear means": (tp.LinearMeans(plain_columns=True), 2, 2),
    "fisher": (tp.FisherDiscriminant(**SETTINGS), 2, 2),
    "logistic": (tp.LogisticRegression(**SETTINGS), 2, 2),
    "one-vs-rest": (tp.OneVsRestLogistic(**SETTINGS), 3, 2),
    # A mini-batch is one row of blocks.
    "mini-batches": (tp.LogisticRegression(batch_size=30, **SETTINGS), 2, 1),
}


class InPasses:
    """Data in four parts of one row of blocks each, and the model of one machine."""

    def __init__(self, estimator, classes, shares):
        X, y = blobs(120, 5, classes)
        self.shares = shares
        self.owner = tp.Owner.generate(estimator, X, y)
        self.parts = [self.owner.encrypt(X[i : i + 30], y[i : i + 30]) for i in range(0, 120, 30)]
        self.model = tp.Server(self.owner.evaluation_keys).fit(self.parts)


@pytest.mark.parametrize("name", IN_PASSES)
def test_passes_are_those_of_one_machine_bit_for_bit(cluster, name):
    case = InPasses(*IN_PASSES[name])
    server = tp.ray.Server(case.owner.evaluation_keys)
    passes = []
    server.progress = lambda what, done, total: passes.append((what, total))
    assert same(server.fit(case.parts), case.model)
    assert {total for _, total in passes} == {case.shares}
    if case.shares == 2:
        # Both nodes made sums.
        assert all(server.traffic.bytes[kind] > 0 for kind in ("data", "sums", "weights"))
    assert same(tp.ray.Server(case.owner.evaluation_keys, num_workers=1).fit(case.parts), case.model)


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


def test_requests_are_computed_together_by_two_replicas(cluster, ridge, tmp_path):
    from ray import serve

    ridge.owner.save(tmp_path / "owner", server=tmp_path / "server")
    ridge.model.save(tmp_path / "model.enc")
    rows = [ridge.owner.encrypt(part) for part in np.array_split(ridge.X, 24)]
    expected = [ridge.server.decision_function(ridge.model, part)._native.to_bytes() for part in rows]
    with socket.socket() as found:
        found.bind(("127.0.0.2", 0))
        port = found.getsockname()[1]
    app = tp.ray.classifier(
        str(tmp_path / "server"), str(tmp_path / "model.enc"), num_replicas=2, batch_wait_timeout_s=0.5, max_body=1 << 24
    )

    def ask(body):
        connection = http.client.HTTPConnection("127.0.0.2", port, timeout=300)
        connection.request("POST", "/", body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    serve.start(http_options={"host": "127.0.0.2", "port": port})
    try:
        handle = serve.run(app)
        with ThreadPoolExecutor(len(rows)) as clients:
            found = list(clients.map(ask, [part._native.to_bytes() for part in rows]))
        assert [status for status, _ in found] == [200] * len(rows)
        assert [scores for _, scores in found] == expected
        # Ray would have let five in.
        largest = [handle.largest_batch.remote().result() for _ in range(8)]
        assert 5 < max(largest) <= 8, largest
        assert ask(b"no file")[0] == 400
        assert ask(bytes((1 << 24) + 1))[0] == 413
    finally:
        serve.shutdown()


def second_node(cluster):
    """The other node, or one in its place."""
    if sum(node["Alive"] for node in ray.nodes()) == 1:
        cluster.other = cluster.add_node(num_cpus=1, object_store_memory=STORE, node_ip_address="127.0.0.3")
        cluster.wait_for_nodes()


# From here on the other node dies.
def test_a_node_that_dies_changes_nothing(cluster, ridge):
    second_node(cluster)
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


def test_a_node_that_dies_in_a_pass_changes_nothing(cluster):
    case = InPasses(*IN_PASSES["logistic"])
    second_node(cluster)
    server = tp.ray.Server(case.owner.evaluation_keys)
    died = []

    def kill(what, done, total):
        # Its share of the second pass, which is where that of the first was, then runs here.
        if what.startswith("pass 2") and not died:
            died.append((what, done < total))
            cluster.remove_node(cluster.other, allow_graceful=False)

    server.progress = kill
    assert same(server.fit(case.parts), case.model)
    assert died == [("pass 2 of 2", True)]
    assert sum(node["Alive"] for node in ray.nodes()) == 1
