"""Networks from ONNX files, on encrypted images."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tapetum as tp

DATA = Path(__file__).parents[3] / "data"
ONNX = DATA / "networks" / "mnist-lola.onnx"


def digits(n, seed=0):
    """What the network sees as digits: a blot each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:28, :28]
    centres = rng.uniform(8, 20, size=(n, 2, 1, 1))
    return (255 * np.exp(-((y - centres[:, 0]) ** 2 + (x - centres[:, 1]) ** 2) / 30)).astype(np.uint8)


class Evaluated:
    def __init__(self):
        self.images = digits(3)
        self.network = tp.Network.from_onnx(ONNX, calibration=digits(8, 1))
        self.owner = tp.Owner.generate(self.network)
        self.server = tp.Server(self.owner.evaluation_keys)
        self.scores = self.server.decision_function(self.network, self.owner.encrypt(self.images))


@pytest.fixture(scope="module")
def evaluated():
    return Evaluated()


def test_encrypted_scores_are_those_in_the_clear(evaluated):
    clear = evaluated.network.decision_function(evaluated.images)
    found = evaluated.owner.decision_function(evaluated.scores)
    assert found.shape == clear.shape == (3, 10)
    assert np.abs(found - clear).max() < 0.01 * np.abs(clear).max()
    expected = evaluated.network.predict(evaluated.images)
    assert np.array_equal(evaluated.owner.predict(evaluated.scores), expected) and expected.dtype.kind == "i"
    assert evaluated.owner.score(evaluated.scores, expected) == 1.0 == evaluated.network.score(evaluated.images, expected)


def test_a_contributor_encrypts_values(evaluated):
    anne = tp.NetworkContributor(evaluated.owner.public_key)
    values = evaluated.images[:1] / 255
    scores = evaluated.server.decision_function(evaluated.network, anne.encrypt(values))
    assert np.array_equal(evaluated.owner.predict(scores), evaluated.network.predict(evaluated.images[:1]))


def test_files_of_the_roles(evaluated, tmp_path):
    owner, network = evaluated.owner, evaluated.network
    owner.save(tmp_path / "owner", contributor=tmp_path / "anne", server=tmp_path / "server")
    network.plan.save(tmp_path / "network.plan.json")
    plan = tp.NetworkPlan.load(tmp_path / "network.plan.json")
    assert plan.input_shape == (1, 1, 28, 28)
    again = tp.Network.from_onnx(ONNX, plan=plan)
    server = tp.NetworkServer.load(tmp_path / "server", again, key_memory=1 << 20)
    tp.NetworkContributor.load(tmp_path / "anne").encrypt(evaluated.images[:1]).save(tmp_path / "new.enc")
    scores = server.decision_function(again, server.read(tmp_path / "new.enc"))
    scores.save(tmp_path / "scores.enc")
    loaded = tp.NetworkOwner.load(tmp_path / "owner")
    found = loaded.predict(loaded.read(tmp_path / "scores.enc"))
    # Files have classes by their names.
    assert found.tolist() == [str(label) for label in network.predict(evaluated.images[:1])]
    with pytest.raises(tp.InputError, match="one image"):
        evaluated.scores.save(tmp_path / "many.enc")
    with pytest.raises(tp.RoleError, match="another network"):
        server.decision_function(network, owner.encrypt(evaluated.images[:1]))


def test_labels_alone_have_no_scores(evaluated, monkeypatch):
    # What a plan for labels leads to; its keys are gigabytes.
    monkeypatch.setattr(tp.NetworkOwner, "_decrypt", lambda *_: (None, [3, 1], [False, True]))
    with pytest.warns(tp.RangeWarning, match="1 of 2"):
        assert evaluated.owner.predict(evaluated.scores).tolist() == [3, 1]
    with pytest.raises(tp.InputError, match="predict"):
        evaluated.owner.decision_function(evaluated.scores)


def test_a_plan_is_enough_to_make_keys(evaluated):
    owner = tp.Owner.generate(evaluated.network.plan)
    assert isinstance(owner, tp.NetworkOwner)
    with pytest.raises(tp.Error):
        owner.predict(evaluated.scores)


def test_photographs_are_cut_and_resized():
    """By the plan alone: to compare it with its network takes as long as planning."""
    plan = tp.NetworkPlan.load(DATA / "networks" / "cats-and-dogs.plan.json")
    photograph = np.random.default_rng(0).integers(0, 256, size=(1, 90, 120, 3), dtype=np.uint8)
    middle = photograph[:, :, 15:105]
    assert plan._rows(photograph).shape == (1, 3 * 64 * 64)
    assert np.array_equal(plan._rows(photograph), plan._rows(middle))
    assert set(plan.classes_) == {"cat", "dog"}
    with pytest.raises(tp.InputError, match="colours"):
        plan._rows(photograph[..., 0])


def test_what_is_refused(evaluated, roles):
    owner, server, network = evaluated.owner, evaluated.server, evaluated.network
    for images, advice in [
        (np.zeros((1, 5)), "28"),
        (np.full((1, 784), np.nan), "NaN"),
        (np.full((1, 784), 7.0), "within"),
        (np.zeros((1, 28, 28, 2), np.uint8), "pictures"),
    ]:
        with pytest.raises(tp.InputError, match=advice):
            owner.encrypt(images)
    with pytest.raises(tp.InputError, match="trained already"):
        tp.Owner.generate(network, evaluated.images)
    with pytest.raises(tp.RoleError, match="trained in the clear"):
        server.fit(None)
    with pytest.raises(TypeError, match="expected EncryptedImages"):
        server.decision_function(network, roles.rows)
    with pytest.raises(TypeError, match="expected"):
        roles.server.decision_function(network, owner.encrypt(evaluated.images[:1]))
    with pytest.raises(tp.InputError):
        tp.Network.from_onnx(__file__)
    with pytest.raises(tp.FileError):
        tp.Network.from_onnx("nothing.onnx")
    with pytest.raises(tp.InputError, match="classes"):
        tp.Network.from_onnx(ONNX, classes=["a", "b"])


def test_representations_and_pickles(evaluated):
    network = evaluated.network
    for value in (
        network,
        network.plan,
        evaluated.owner,
        evaluated.server,
        evaluated.scores,
        evaluated.owner.public_key,
        evaluated.owner.evaluation_keys,
        evaluated.owner.encrypt(evaluated.images[:1]),
    ):
        assert type(value).__name__ in repr(value) and value._repr_html_().startswith("<table>")
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value)


def test_a_provider_s_network_on_a_server(serving, evaluated):
    place = {"token": serving["token"], "fingerprint": serving["fingerprint"]}
    provider = tp.Server.connect(serving["url"], **place)
    id = provider.add_network(evaluated.network, queries_per_token=10)
    # A client makes keys for the plan; it has no network.
    owner = tp.Owner.generate(provider.network_plan(id))
    far = tp.Server.connect(serving["url"], owner.evaluation_keys, **place)
    scores = far.decision_function(id, owner.encrypt(evaluated.images[:2]))
    expected = evaluated.network.decision_function(evaluated.images[:2])
    assert np.abs(owner.decision_function(scores) - expected).max() < 0.01 * np.abs(expected).max()
    with pytest.raises(TypeError, match="id of a network"):
        far.decision_function(evaluated.network, owner.encrypt(evaluated.images[:1]))
    with pytest.raises(tp.RoleError, match="trained in the clear"):
        far.fit(None)
    assert "key_" in far.key_set and "security" in repr(far)
    for what in (id, far.key_set):
        far.delete(what)
