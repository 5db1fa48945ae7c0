"""Files are those of the command: what one writes, the other reads."""

import numpy as np
import pytest
import tapetum as tp

from conftest import blobs, write_table


def test_everything_comes_back_from_files(roles, data, tmp_path):
    X, y = data
    roles.owner.save(tmp_path / "owner", contributor=tmp_path / "anne", server=tmp_path / "server")
    roles.owner.encrypt(X, y).save(tmp_path / "train.enc")
    roles.rows.save(tmp_path / "new.enc")

    server = tp.Server.load(tmp_path / "server", key_memory=1 << 20)
    server.fit(server.read(tmp_path / "train.enc")).save(tmp_path / "model.enc")
    scores = server.decision_function(server.read(tmp_path / "model.enc"), server.read(tmp_path / "new.enc"))
    scores.save(tmp_path / "scores.enc")

    owner = tp.Owner.load(tmp_path / "owner")
    assert owner.classes_.tolist() == [0, 1]
    assert np.array_equal(owner.predict(owner.read(tmp_path / "scores.enc")), roles.model.predict(X))
    with pytest.raises(tp.RoleError, match="already exists"):
        roles.owner.save(tmp_path / "owner")
    with pytest.raises(tp.RoleError, match="secret key"):
        tp.Server.load(tmp_path / "owner")
    # Nothing but a file of the same kind is replaced.
    with pytest.raises(tp.RoleError, match="choose another name"):
        scores.save(tmp_path / "model.enc")


def test_a_contributor_s_directory(roles, data, tmp_path):
    X, y = data
    roles.owner.save(tmp_path / "owner", contributor=tmp_path / "anne")
    anne = tp.Contributor.load(tmp_path / "anne", "anne")
    assert anne.encrypt(X, y).contributor == "anne"
    assert anne.classes_.tolist() == [0, 1]


def test_a_passphrase(roles, tmp_path):
    roles.owner.save(tmp_path / "owner", passphrase="a cat sees at night")
    with pytest.raises(tp.RoleError, match="passphrase"):
        tp.Owner.load(tmp_path / "owner")
    with pytest.raises(tp.RoleError, match="passphrase"):
        tp.Owner.load(tmp_path / "owner", passphrase="a cat sees at noon")
    owner = tp.Owner.load(tmp_path / "owner", passphrase="a cat sees at night")
    assert owner.score(roles.scores, roles.model.classes_[owner._native.predict(roles.scores._native)]) == 1.0


def test_damaged_files_are_refused(roles, tmp_path):
    roles.scores.save(tmp_path / "scores.enc")
    content = (tmp_path / "scores.enc").read_bytes()
    for damaged in (b"", content[:100], content[:-1], b"{}" * 50, content[:-40] + bytes(40)):
        (tmp_path / "damaged.enc").write_bytes(damaged)
        with pytest.raises(tp.Error):
            roles.owner.read(tmp_path / "damaged.enc")
    with pytest.raises(tp.FileError):
        roles.owner.read(tmp_path / "nothing.enc")


def test_the_command_reads_what_python_wrote(command, roles, data, tmp_path):
    X, y = data
    roles.owner.save(tmp_path / "owner", server=tmp_path / "server")
    roles.owner.encrypt(X, y).save(tmp_path / "train.enc")
    roles.rows.save(tmp_path / "new.enc")
    command("train --server server --data train.enc --out model.enc")
    command("classify --server server --model model.enc --data new.enc --out scores.enc")
    found = command("decrypt --owner owner scores.enc")
    assert [verdict["class"] for verdict in found["verdicts"]] == [str(label) for label in roles.model.predict(X)]
    # And Python reads what the command wrote.
    assert np.array_equal(roles.owner.predict(roles.owner.read(tmp_path / "scores.enc")), roles.model.predict(X))


def test_python_reads_what_the_command_wrote(command, tmp_path):
    X, y = blobs(100)
    y = np.array(["cat", "dog"])[y]
    write_table(tmp_path / "table.csv", X, y)
    command("keygen --owner owner --contributor anne --server server --learner linear-means --like table.csv")
    command("encrypt --owner owner --images table.csv --positive dog --out train.enc")

    server, owner = tp.Server.load(tmp_path / "server"), tp.Owner.load(tmp_path / "owner")
    assert set(owner.classes_) == {"not dog", "dog"} or set(owner.classes_) == {"cat", "dog"}
    assert owner.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    fitted = server.fit(server.read(tmp_path / "train.enc"))
    scores = server.decision_function(fitted, owner.encrypt(X))
    assert np.mean((owner.predict(scores) == "dog") == (y == "dog")) > 0.9
    scores.save(tmp_path / "scores.enc")
    found = command("decrypt --owner owner scores.enc")
    assert [verdict["class"] for verdict in found["verdicts"]] == owner.predict(scores).tolist()


def test_a_plain_model_and_its_features_are_those_of_the_command(command, tmp_path):
    from sklearn.linear_model import LogisticRegression

    X, y = blobs(60)
    y = np.array(["cat", "dog"])[y]
    classifier = LogisticRegression().fit(X, y)
    model = tp.PlainModel.from_sklearn(classifier, X)
    model.save(tmp_path / "provider")
    again = tp.PlainModel.load(tmp_path / "provider")
    assert np.array_equal(again.decision_function(X), model.decision_function(X))
    assert again.classes_.tolist() == ["cat", "dog"]

    # Who has rows knows the features alone.
    owner = tp.Owner.for_features(tmp_path / "provider" / "features.json")
    owner.save(tmp_path / "owner", server=tmp_path / "server")
    owner.encrypt(X).save(tmp_path / "new.enc")
    command("classify --server server --model provider/model.json --data new.enc --out scores.enc")
    assert np.array_equal(owner.predict(owner.read(tmp_path / "scores.enc")), classifier.predict(X))
    # And the other way round.
    write_table(tmp_path / "table.csv", X, y)
    command("simulate --images table.csv --positive dog --learner linear-means --export theirs")
    assert tp.PlainModel.load(tmp_path / "theirs").predict(X).tolist()[:3] == y.tolist()[:3]
    # A role's directory is left alone.
    with pytest.raises(tp.RoleError, match="another directory"):
        model.save(tmp_path / "owner")
    (tmp_path / "provider" / "model.json").write_text("{}")
    with pytest.raises(tp.InputError, match="is not a model"):
        tp.PlainModel.load(tmp_path / "provider")
