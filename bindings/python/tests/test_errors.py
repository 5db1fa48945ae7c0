"""What is refused, of which kind, and with which advice."""

import numpy as np
import pytest
import tapetum as tp

from conftest import blobs

BAD_ROWS = {
    "NaN": ([[0.0, np.nan], [1.0, 1.0]], "contains NaN, first in row 0, column 1"),
    "infinity": ([[0.0, np.inf], [1.0, 1.0]], "contains infinity"),
    "object": (np.array([["a", 1], ["b", 2]], dtype=object), "OneHotEncoder"),
    "text": ([["a", "b"], ["c", "d"]], "not a string"),
    "vector": ([1.0, 2.0], "Expected 2D array"),
    "cube": (np.zeros((2, 2, 2)), "dim 3"),
    "no columns": (np.zeros((2, 0)), r"0 feature\(s\)"),
    "ragged": ([[1.0], [1.0, 2.0]], "not a matrix"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_rows_that_cannot_be_used(roles, case):
    rows, advice = BAD_ROWS[case]
    for use in (
        lambda: tp.LinearMeans().fit(rows, [0, 1]),
        lambda: tp.Owner.generate(tp.LinearMeans(), rows, [0, 1]),
        lambda: roles.owner.encrypt(rows),
    ):
        with pytest.raises(tp.InputError, match=advice) as caught:
            use()
        assert isinstance(caught.value, ValueError)


def test_another_width_is_refused(roles):
    with pytest.raises(tp.InputError, match="X has 5 features, but Owner is expecting 4"):
        roles.owner.encrypt(np.zeros((3, 5)))
    with pytest.raises(tp.InputError, match="X has 5 features"):
        roles.model.predict(np.zeros((3, 5)))


def test_labels_that_cannot_be_used(roles, data):
    X, y = data
    for labels, advice in [
        (np.zeros(len(X)), "one class"),
        (y[:-1], "inconsistent numbers"),
        (y + 0.5, "continuous"),
        (np.where(y == 0, np.nan, 1.0), "contains NaN"),
        (None, "requires y"),
    ]:
        with pytest.raises(tp.InputError, match=advice):
            tp.LinearMeans().fit(X, labels)
    with pytest.raises(tp.InputError, match="not one of the classes"):
        roles.owner.encrypt(X, y + 7)


def test_settings_out_of_range_are_refused(data):
    for model, advice in [
        (tp.LogisticRegression(max_iter=0), "iterations"),
        (tp.LogisticRegression(interval=1e6), "interval"),
        (tp.LogisticRegression(learning_rate=[1.0]), "learning rates"),
        (tp.LogisticRegression(max_iter="three"), "settings"),
        (tp.Ridge(alpha=-1.0), "alpha"),
        (tp.LinearMeans(class_weight={0: 1, 1: 2}), "class_weight"),
    ]:
        with pytest.raises(tp.InputError, match=advice):
            model.fit(*data)
    with pytest.raises(tp.InputError, match="only binary|Only binary"):
        tp.LinearMeans().fit(*blobs(60, classes=3))


def test_a_spectrum_beyond_its_bound_is_refused(data):
    for use in (tp.Ridge(largest_eigenvalue=0.01).fit, lambda *data: tp.Owner.generate(tp.Ridge(largest_eigenvalue=0.01), *data)):
        with pytest.raises(tp.RangeError, match=r"Set a larger bound \(largest_eigenvalue\)") as caught:
            use(*data)
        assert isinstance(caught.value, ValueError)


def test_an_estimator_must_be_fitted():
    from sklearn.exceptions import NotFittedError

    for error in (tp.NotFittedError, NotFittedError, ValueError, AttributeError):
        with pytest.raises(error, match="not fitted yet"):
            tp.LinearMeans().predict([[1.0]])


def test_other_keys_are_told_apart(roles, data):
    other = tp.Owner.generate(tp.LinearMeans(), *data)
    with pytest.raises(tp.KeyMismatch, match="keys of another"):
        roles.server.decision_function(roles.fitted, other.encrypt(data[0]))
    with pytest.raises(tp.KeyMismatch, match="keys of another"):
        roles.server.fit(other.encrypt(*data))
    with pytest.raises(tp.RoleError, match="keys"):
        other.predict(roles.scores)


def test_other_types_are_refused(roles):
    with pytest.raises(TypeError, match="expected EncryptedRows"):
        roles.server.decision_function(roles.fitted, roles.scores)
    with pytest.raises(TypeError, match="expected EncryptedData"):
        roles.server.fit([roles.rows])
    with pytest.raises(TypeError, match="from_sklearn"):
        tp.Owner.generate(object(), [[1.0]], [0])


def test_an_error_of_a_callback_is_raised(roles, data):
    def refuse(*_):
        raise KeyError("mine")

    server = tp.Server(roles.owner.evaluation_keys, progress=refuse)
    try:
        server.fit(roles.owner.encrypt(*data))
    except KeyError as error:
        assert error.args == ("mine",)
    # Whether it was called or the training was faster, the server works on.
    server.progress = False
    server.fit(roles.owner.encrypt(*data))


def test_an_unusable_path_is_a_file_error(roles, tmp_path):
    with pytest.raises(tp.FileError) as caught:
        roles.scores.save(tmp_path / "no" / "folder.enc")
    assert isinstance(caught.value, OSError)
    with pytest.raises(tp.Error):
        tp.Owner.load(tmp_path)
