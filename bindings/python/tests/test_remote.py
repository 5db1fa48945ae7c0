"""A server over HTTPS does what the one in memory does."""

import pickle
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tapetum as tp
from sklearn.linear_model import LogisticRegression

from conftest import COMMAND, blobs


def connect(serving, *keys, **options):
    """A connection as the owner of the server's first tenant, unless a token is given."""
    options = {"token": serving["token"], "fingerprint": serving["fingerprint"], **options}
    return tp.Server.connect(serving["url"], *keys, **options)


@pytest.fixture(scope="module")
def far(serving, roles):
    return connect(serving, roles.owner.evaluation_keys)


def test_scores_are_those_of_the_server_in_memory(far, roles, data):
    X, y = data
    assert isinstance(far, tp.Server) and far.key_set.startswith("key_")
    told = []
    far.progress = lambda *step: told.append(step)
    training, rows = roles.owner.encrypt(X, y), roles.owner.encrypt(X)
    fitted = far.fit(training)
    scores = far.decision_function(fitted, rows)
    far.progress = False
    assert any(what == "the server trains" for what, _, _ in told)
    here = roles.server.decision_function(roles.server.fit(training), rows)
    found = roles.owner.decision_function(scores)
    assert np.array_equal(found, roles.owner.decision_function(here))
    # The model is fetched where it is needed.
    assert np.array_equal(roles.owner.decrypt(fitted).predict(X), roles.model.predict(X))
    assert np.array_equal(roles.owner.predict(roles.server.decision_function(fitted, rows)), roles.model.predict(X))


def test_files_of_a_server_far_away(far, roles, tmp_path):
    roles.rows.save(tmp_path / "new.enc")
    assert far.read(tmp_path / "new.enc").n_samples == roles.rows.n_samples


def test_keys_are_not_sent_twice(serving, far, roles, data):
    again = connect(serving, roles.owner.public_key, key_set=far.key_set)
    fitted = again.fit(roles.owner.encrypt(*data))
    assert np.array_equal(roles.owner.predict(again.decision_function(fitted, roles.rows)), roles.model.predict(data[0]))
    # Of other parameters, and of the same.
    for stranger in (tp.Owner.generate(tp.Ridge(max_iter=2), *blobs(60, 9)), tp.Owner.generate(roles.model, *data)):
        with pytest.raises(tp.RoleError, match="another owner"):
            connect(serving, stranger.public_key, key_set=far.key_set)


def test_contributors_have_tokens_of_their_own(serving, far, roles, data):
    X, y = data

    def token(scope):
        line = [COMMAND, "--json", "remote", "token", "--scope", scope, "--server", serving["url"]]
        environment = {"TAPETUM_TOKEN": serving["token"]}
        done = subprocess.run(
            [*line, "--fingerprint", serving["fingerprint"]], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split('"token":')[1].split('"')[1]

    data_set = far.create_data_set()
    far.append(data_set, roles.owner.encrypt(X[:40], y[:40]))
    for name, part in (("anne", slice(40, 80)), ("bert", slice(80, None))):
        theirs = connect(serving, token=token("contributor"))
        contributor = tp.Contributor(roles.owner.public_key, name)
        theirs.append(data_set, contributor.encrypt(X[part], y[part]))
        with pytest.raises(tp.RoleError, match="no evaluation keys"):
            theirs.fit(data_set)
    fitted = far.fit(data_set)
    classifying = connect(serving, token=token("classify"))
    scores = classifying.decision_function(fitted.id, roles.rows)
    assert np.abs(roles.owner.decision_function(scores) - roles.model.decision_function(X)).max() < 0.002
    # As if Bert had never been there.
    without = far.fit(data_set, without=["bert"])
    expected = roles.server.fit([roles.owner.encrypt(X[:80], y[:80])])
    found, wanted = (roles.owner.decrypt(model)._model.weights()[0] for model in (without, expected))
    assert np.abs(found - wanted).max() < 0.01 * np.abs(wanted).max()
    far.delete(data_set)
    with pytest.raises(tp.Error):
        far.fit(data_set)


def test_a_plain_model_is_sent_once(serving, data):
    X, y = data
    classifier = LogisticRegression().fit(X, y)
    model = tp.PlainModel.from_sklearn(classifier)
    owner = tp.Owner.generate(model)
    far = connect(serving, owner.evaluation_keys)
    rows = owner.encrypt(X)
    for _ in range(2):
        assert np.array_equal(owner.predict(far.decision_function(model, rows)), classifier.predict(X))
    id = far.add_model(model)
    assert np.array_equal(owner.predict(far.decision_function(id, rows)), classifier.predict(X))
    far.delete(id)
    with pytest.raises(tp.RoleError, match="classification only"):
        far.create_data_set()
    with pytest.raises(tp.RoleError, match="another model"):
        far.decision_function(tp.PlainModel.from_sklearn(classifier), rows)


def test_an_interrupted_training_is_ended_or_goes_on(serving, tmp_path):
    X, y = blobs(64)
    model = tp.LogisticRegression(max_iter=2, batch_size=16, plain_columns=True).fit(X, y)
    owner = tp.Owner.generate(model, X, y)
    far = connect(serving, owner.evaluation_keys)
    data, state = owner.encrypt(X, y), tmp_path / "state.json"

    def interrupt(what, done, total):
        if what == "the server trains":
            raise KeyboardInterrupt

    far.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        far.fit(data)
    with pytest.raises(KeyboardInterrupt):
        far.fit(data, checkpoint=state)
    far.progress = False
    fitted = far.fit(data, checkpoint=state)
    assert owner.score(far.decision_function(fitted, owner.encrypt(X)), y) > 0.9
    # It is waited for, not trained again.
    assert far.fit(data, checkpoint=state).id == fitted.id
    with pytest.raises(tp.InputError, match="another training"):
        far.fit(owner.encrypt(X, y), checkpoint=state)
    state.write_text("[]")
    with pytest.raises(tp.InputError, match="another name"):
        far.fit(data, checkpoint=state)


def test_eight_threads_at_once(far, roles, data):
    X, y = data
    fitted = far.fit(roles.owner.encrypt(X, y))
    rows = [roles.owner.encrypt(part) for part in np.array_split(X, 8)]
    with ThreadPoolExecutor(8) as pool:
        scores = list(pool.map(lambda part: far.decision_function(fitted, part), rows))
    found = np.concatenate([roles.owner.decision_function(part) for part in scores])
    assert np.abs(found - roles.model.decision_function(X)).max() < 0.002


def test_the_wrong_server_token_or_keys(serving, far, roles, data, monkeypatch):
    with pytest.raises(tp.RoleError):
        connect(serving, token="tpt_" + "0" * 64)
    with pytest.raises(tp.RoleError, match="ertificate"):
        connect(serving, fingerprint="sha256:" + "0" * 64)
    with pytest.raises(tp.InputError, match="hexadecimal"):
        connect(serving, fingerprint="sha256:0")
    with pytest.raises(tp.InputError, match="ca="):
        connect(serving, fingerprint=None)
    monkeypatch.delenv("TAPETUM_TOKEN", raising=False)
    with pytest.raises(tp.RoleError, match="TAPETUM_TOKEN"):
        connect(serving, token=None)
    monkeypatch.setenv("TAPETUM_TOKEN", serving["token"])
    assert "owner" in repr(connect(serving, token=None))

    other = tp.Owner.generate(tp.LinearMeans(), *data)
    with pytest.raises(tp.KeyMismatch, match="keys of another"):
        far.fit(other.encrypt(*data))
    with pytest.raises(tp.KeyMismatch, match="keys of another"):
        far.decision_function("mod_" + 32 * "0", other.encrypt(data[0]))
    with pytest.raises(tp.RoleError, match="trained elsewhere"):
        far.decision_function(roles.fitted, roles.rows)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(far)
    assert serving["token"] not in repr(far) + str(far.__dict__)


def test_a_certificate_of_an_authority(serving, roles):
    # The server's own is its authority.
    (certificate,) = [path for path in (serving["data"] / "tls").iterdir() if b"BEGIN CERTIFICATE" in path.read_bytes()]
    assert connect(serving, fingerprint=None, ca=certificate).key_set is None


def test_no_server_there():
    with pytest.raises(tp.ServerUnreachable) as caught:
        tp.Server.connect("https://127.0.0.1:9", token="tpt_" + "0" * 64, fingerprint="sha256:" + "0" * 64)
    assert isinstance(caught.value, ConnectionError)
