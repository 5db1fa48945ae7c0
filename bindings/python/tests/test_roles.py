"""Owner, contributor and server."""

import copy
import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tapetum as tp

from conftest import blobs


def test_scores_are_those_of_the_clear_model(roles, data):
    X, y = data
    found = roles.owner.decision_function(roles.scores)
    assert np.abs(found - roles.model.decision_function(X)).max() < 0.002
    assert roles.owner.score(roles.scores, y) == roles.model.score(X, y)


@pytest.mark.parametrize("labels", [["cat", "dog"], [-1, 1], [False, True], [0.0, 2.0]])
def test_labels_come_back_as_they_were(labels):
    X, y = blobs(40)
    y = np.array(labels)[y]
    owner = tp.Owner.generate(tp.LinearMeans(), X, y)
    server = tp.Server(owner.evaluation_keys)
    scores = server.decision_function(server.fit(owner.encrypt(X, y)), owner.encrypt(X))
    found = owner.predict(scores)
    assert found.dtype == y.dtype and owner.score(scores, y) > 0.9


def test_contributors_train_together(roles, data):
    X, y = data
    anne = tp.Contributor(roles.owner.public_key, "anne")
    parts = [anne.encrypt(X[:50], y[:50]), roles.owner.encrypt(X[50:], y[50:])]
    assert [part.contributor for part in parts] == ["anne", "owner"]
    fitted = roles.server.fit(parts)
    found = roles.owner.decision_function(roles.server.decision_function(fitted, anne.encrypt(X)))
    assert np.abs(found - roles.model.decision_function(X)).max() < 0.002


def test_many_classes():
    X, y = blobs(150, classes=3)
    model = tp.Ridge(alpha=0.1, max_iter=2, plain_columns=True).fit(X, y)
    owner = tp.Owner.generate(model, X, y)
    server = tp.Server(owner.evaluation_keys)
    scores = server.decision_function(server.fit(owner.encrypt(X, y)), owner.encrypt(X))
    assert owner.decision_function(scores).shape == (150, 3)
    assert np.mean(owner.predict(scores) == model.predict(X)) > 0.98


def test_eight_threads_at_once(roles, data):
    X, _ = data
    parts = np.array_split(X, 8)
    rows = [roles.owner.encrypt(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        scores = list(pool.map(lambda part: roles.server.decision_function(roles.fitted, part), rows))
    found = np.concatenate([roles.owner.decision_function(part) for part in scores])
    assert np.abs(found - roles.model.decision_function(X)).max() < 0.002


def test_threads_are_as_many_as_asked_for(roles):
    assert "threads: 1>" in repr(tp.Server(roles.owner.evaluation_keys, threads=1))


def test_keys_are_shared_and_not_copied(roles):
    assert roles.owner.evaluation_keys.nbytes == roles.owner.evaluation_keys.nbytes > 0
    first, second = roles.owner.evaluation_keys, roles.owner.evaluation_keys
    assert repr(first) == repr(second)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not tell memory in a file")
def test_servers_take_no_memory_for_their_keys():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    owner = tp.Owner.generate(tp.LogisticRegression(), *blobs(500, 40))
    size = owner.evaluation_keys.nbytes
    before = resident()
    servers = [tp.Server(owner.evaluation_keys) for _ in range(3)]
    assert size > 50e6 and len(servers) == 3
    assert resident() - before < size / 10


@pytest.mark.parametrize(
    "secret", ["owner", "server", "rows", "scores", "fitted", "public_key", "evaluation_keys", "contributor"]
)
@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_nothing_of_the_roles_is_pickled(roles, secret, copying):
    values = {
        "public_key": lambda: roles.owner.public_key,
        "evaluation_keys": lambda: roles.owner.evaluation_keys,
        "contributor": lambda: tp.Contributor(roles.owner.public_key),
    }
    value = values.get(secret, lambda: getattr(roles, secret))()
    with pytest.raises(TypeError, match="cannot be pickled"):
        copying(value)


def test_no_attribute_gives_a_secret(roles):
    native = roles.owner._native
    public = [name for name in dir(native) if not name.startswith("__")]
    assert not any("secret" in name for name in public), public


def test_progress_is_told(roles, data):
    told = []
    server = tp.Server(roles.owner.evaluation_keys, progress=lambda *step: told.append(step))
    server.fit(roles.owner.encrypt(*data))
    assert all(isinstance(what, str) and 0 <= done <= total for what, done, total in told)


def test_bars_of_tqdm(roles, data):
    tp.Server(roles.owner.evaluation_keys, progress=True).fit(roles.owner.encrypt(*data))


def test_a_signal_stops_a_computation():
    # A shell that starts this in the background has it ignore the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    owner = tp.Owner.generate(tp.LogisticRegression(), *blobs(500, 40))
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        owner.evaluation_keys
        time.sleep(60)
    owner.encrypt(blobs(3, 40)[0])


def test_representations(roles):
    for value in (roles.owner, roles.server, roles.fitted, roles.rows, roles.scores, roles.owner.public_key):
        assert type(value).__name__ in repr(value)
        assert value._repr_html_().startswith("<table>")
    assert "128-bit security" in repr(roles.owner)
    # Ciphertexts are drawn, each another picture.
    drawn = [value._repr_html_().split("base64,")[1] for value in (roles.rows, roles.scores)]
    assert len(set(drawn)) == 2


def test_a_frame_is_reordered_by_name(data):
    import pandas as pd

    X, y = data
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = tp.LinearMeans().fit(frame, y)
    owner = tp.Owner.generate(model, frame, y)
    assert owner.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    server = tp.Server(owner.evaluation_keys)
    fitted = server.fit(owner.encrypt(frame, y))
    scores = server.decision_function(fitted, owner.encrypt(frame[["d", "b", "a", "c"]]))
    assert np.abs(owner.decision_function(scores) - model.decision_function(frame)).max() < 0.002
    with pytest.raises(tp.InputError, match="without"):
        owner.encrypt(frame[["a", "b"]])


def test_balanced_classes_are_the_same_under_encryption():
    X, y = blobs(60)
    X, y = np.concatenate([X, X[y == 1], X[y == 1]]), np.concatenate([y, y[y == 1], y[y == 1]])
    model = tp.LinearMeans(class_weight="balanced").fit(X, y)
    owner = tp.Owner.generate(model, X, y)
    server = tp.Server(owner.evaluation_keys)
    scores = server.decision_function(server.fit(owner.encrypt(X, y)), owner.encrypt(X))
    assert np.abs(owner.decision_function(scores) - model.decision_function(X)).max() < 0.002


def test_a_decrypted_model_classifies_in_the_clear(roles, data):
    X, _ = data
    plain = roles.owner.decrypt(roles.fitted)
    assert np.array_equal(plain.predict(X), roles.model.predict(X))
    other = tp.Owner.generate(roles.model, *data)
    with pytest.raises(tp.KeyMismatch):
        other.decrypt(roles.fitted)


def test_mini_batches_go_on_from_their_checkpoint(tmp_path):
    X, y = blobs(64)
    model = tp.LogisticRegression(max_iter=2, batch_size=16, plain_columns=True).fit(X, y)
    owner = tp.Owner.generate(model, X, y)
    server = tp.Server(owner.evaluation_keys)
    data, state = owner.encrypt(X, y), tmp_path / "state.enc"

    def interrupt(*_):
        if state.exists():
            raise KeyboardInterrupt

    server.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        server.fit(data, checkpoint=state)
        # It was faster than the callback: then the end is what it goes on from.
        raise KeyboardInterrupt
    server.progress = False
    fitted = server.fit(data, checkpoint=state)
    scores = server.decision_function(fitted, owner.encrypt(X))
    again = server.decision_function(server.fit(data), owner.encrypt(X))
    assert np.abs(owner.decision_function(scores) - owner.decision_function(again)).max() < 0.002
    assert owner.score(scores, y) > 0.9
    with pytest.raises(tp.Error, match="another training|other settings"):
        server.fit(owner.encrypt(X, y), checkpoint=state)


def test_checkpoints_are_for_mini_batches(roles, data, tmp_path):
    with pytest.raises(tp.InputError, match="batch_size"):
        roles.server.fit(roles.owner.encrypt(*data), checkpoint=tmp_path / "state.enc")
