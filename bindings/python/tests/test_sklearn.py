"""In the company of scikit-learn."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
import tapetum as tp
from sklearn.base import clone, is_classifier
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from conftest import blobs

ESTIMATORS = [
    tp.LinearMeans(),
    tp.FisherDiscriminant(),
    tp.Ridge(),
    tp.LogisticRegression(),
    tp.OneVsRestLogistic(),
]

#: Checks that our estimators do not pass, and why.
EXPECTED_FAILURES = {
    "check_class_weight_classifiers": "weights are made by repeating samples, so 'balanced' is offered and numbers "
    "such as 1000 to 0.0001 are not",
}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_check_estimator(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            estimator, expected_failed_checks=EXPECTED_FAILURES, on_skip=None, on_fail="raise"
        )
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    assert failed == set(EXPECTED_FAILURES)
    # Run where SciPy's array API is turned on, which is for arrays of other libraries.
    assert skipped <= {"check_array_api_input"}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_clones_and_pickles(estimator, data):
    X, y = data
    assert is_classifier(estimator)
    assert clone(estimator).get_params() == estimator.get_params()
    fitted = clone(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.decision_function(X), fitted.decision_function(X))
    assert not hasattr(clone(fitted), "classes_")


def test_pipeline_search_and_cross_validation(data, tmp_path):
    X, y = data
    search = GridSearchCV(tp.Ridge(), {"alpha": [0.0, 1.0], "max_iter": [2, 6]}, cv=3, scoring="roc_auc")
    assert search.fit(X, y).best_score_ > 0.9
    joblib.dump(search.best_estimator_, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert np.array_equal(again.predict(X), search.predict(X))
    assert cross_val_score(make_pipeline(tp.LinearMeans()), X, y, cv=3).mean() > 0.9


def test_arrays_of_any_kind(data):
    X, y = data
    expected = tp.LinearMeans().fit(X.astype(np.float32).astype(float), y).decision_function(X)
    for kind in (np.asfortranarray(X.astype(np.float32)), np.ascontiguousarray(X.astype(np.float32))[:, ::1]):
        kind.setflags(write=False)
        assert np.array_equal(tp.LinearMeans().fit(kind, y).decision_function(X), expected)
    integers = np.round(10 * X).astype(np.int8)
    assert tp.LinearMeans().fit(integers, y).score(integers, y) > 0.9


def test_representation_names_what_is_not_default():
    assert repr(tp.LogisticRegression()) == "LogisticRegression()"
    assert repr(tp.Ridge(2.0, max_iter=3)) == "Ridge(alpha=2.0, max_iter=3)"


def test_balanced_classes_find_the_rare_one():
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(int)
    X = rng.normal(size=(400, 3)) + 1.5 * y[:, None]
    plain, balanced = (tp.Ridge(class_weight=weight).fit(X, y) for weight in (None, "balanced"))
    assert balanced.predict(X)[y == 1].mean() > plain.predict(X)[y == 1].mean() + 0.2


PLAIN = [LogisticRegression(), RidgeClassifier(), LinearSVC(), LinearDiscriminantAnalysis()]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("classifier", PLAIN, ids=lambda c: type(c).__name__)
def test_a_plain_model_classifies_encrypted_rows(classifier, scaled, data):
    X, y = data
    classifier = clone(make_pipeline(StandardScaler(), classifier) if scaled else classifier)
    classifier.fit(X, y)
    model = tp.PlainModel.from_sklearn(classifier)
    assert np.abs(model.decision_function(X) - classifier.decision_function(X)).max() < 1e-9
    owner = tp.Owner.generate(model)
    scores = tp.Server(owner.evaluation_keys).decision_function(model, owner.encrypt(X))
    assert np.abs(owner.decision_function(scores) - classifier.decision_function(X)).max() < 0.002
    assert np.array_equal(owner.predict(scores), classifier.predict(X))


def test_a_plain_model_of_many_classes():
    X, y = blobs(90, classes=3)
    classifier = LogisticRegression().fit(X, y)
    model = tp.PlainModel.from_sklearn(classifier)
    owner = tp.Owner.generate(model)
    scores = tp.Server(owner.evaluation_keys).decision_function(model, owner.encrypt(X))
    assert np.array_equal(owner.predict(scores), classifier.predict(X))


def test_large_values_are_scaled_or_refused(data):
    X, y = data
    X = 1e4 * X + 1e5
    classifier = LinearDiscriminantAnalysis().fit(X, y)
    unscaled = tp.PlainModel.from_sklearn(classifier)
    with pytest.raises(tp.InputError, match="give PlainModel.from_sklearn rows to scale by"):
        tp.Owner.generate(unscaled).encrypt(X)
    model = tp.PlainModel.from_sklearn(classifier, X)
    assert np.allclose(model.decision_function(X), classifier.decision_function(X))
    owner = tp.Owner.generate(model)
    scores = tp.Server(owner.evaluation_keys).decision_function(model, owner.encrypt(X))
    assert np.abs(owner.decision_function(scores) - classifier.decision_function(X)).max() < 0.002

    classifier.coef_, classifier.intercept_ = 1e6 * classifier.coef_, 1e6 * classifier.intercept_
    with pytest.raises(tp.RangeError, match="changes no prediction"):
        tp.Owner.generate(tp.PlainModel.from_sklearn(classifier, X)).encrypt(X)


def test_what_is_not_a_linear_classifier_is_refused(data):
    with pytest.raises(tp.NotFittedError):
        tp.PlainModel.from_sklearn(LogisticRegression())
    with pytest.raises(tp.InputError, match="coef_"):
        tp.PlainModel.from_sklearn(RandomForestClassifier(3).fit(*data))
    with pytest.raises(tp.InputError, match="StandardScaler"):
        tp.PlainModel.from_sklearn(make_pipeline(PCA(2), LogisticRegression()).fit(*data))
