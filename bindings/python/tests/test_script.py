"""The script that data scientists write, on the Wisconsin diagnostic breast cancer data."""

import numpy as np
import pytest
import tapetum as tp

pytestmark = pytest.mark.filterwarnings("ignore:values that lie far:tapetum.DataWarning")


def interrupt(what, done, total):
    if done:
        raise KeyboardInterrupt


def test_encrypted_training_is_as_accurate_as_in_the_clear():
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = tp.LogisticRegression(max_iter=3)
    clear = model.fit(X_train, y_train).score(X_test, y_test)

    owner = tp.Owner.generate(model, X_train, y_train)
    server = tp.Server(owner.evaluation_keys)
    data = owner.encrypt(X_train, y_train)

    # Ctrl-C stops it, and it can be started again.
    server.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        server.fit(data)
    server.progress = False

    fitted = server.fit(data)
    scores = server.decision_function(fitted, owner.encrypt(X_test))
    found = owner.predict(scores)

    assert found.dtype == y.dtype
    encrypted = np.mean(found == y_test)
    assert clear > 0.96 and abs(clear - encrypted) <= 0.005
    # Rounded to 0.001.
    assert np.abs(owner.decision_function(scores) - model.decision_function(X_test)).max() < 0.002
