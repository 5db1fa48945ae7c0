"""The script that data scientists write, as docs/python.md and README.md have it."""

import re
from pathlib import Path

import numpy as np
import pytest
import tapetum as tp
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_union

ROOT = Path(__file__).parents[3]


#: What a data scientist writes, for any X and y.
SCRIPT = """
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = tp.LogisticRegression(max_iter=3)
clear = model.fit(X_train, y_train).score(X_test, y_test)

owner  = tp.Owner.generate(model, X_train, y_train)
server = tp.Server(owner.evaluation_keys)
fitted = server.fit(owner.encrypt(X_train, y_train))
scores = server.decision_function(fitted, owner.encrypt(X_test))
found = owner.predict(scores)
"""


def programs(page):
    """The blocks of Python on a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def interrupt(what, done, total):
    if done:
        raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:values that lie far:tapetum.DataWarning")
def test_encrypted_training_is_as_accurate_as_in_the_clear():
    found = {}
    exec(programs("docs/python.md")[0], found)
    owner, server, scores, y_test = (found[name] for name in ("owner", "server", "scores", "y_test"))

    clear = found["model"].score(found["X_test"], y_test)
    encrypted = owner.score(scores, y_test)
    assert clear > 0.96 and abs(clear - encrypted) <= 0.005
    assert owner.predict(scores).dtype == y_test.dtype
    # Rounded to 0.001.
    assert np.abs(owner.decision_function(scores) - found["model"].decision_function(found["X_test"])).max() < 0.002

    # Ctrl-C stops a training, and the server works on.
    server.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        server.fit(owner.encrypt(found["X_train"], found["y_train"]))
    server.progress = False
    server.decision_function(found["fitted"], owner.encrypt(found["X_test"]))


def silhouettes(shapes):
    """800 silhouettes without repeats, half of them cats, and their labels."""
    pictures, animals = shapes
    rng = np.random.default_rng(0)
    chosen = []
    for part in (animals == 2, animals != 2):
        _, first = np.unique(pictures[part], axis=0, return_index=True)
        chosen += rng.choice(np.flatnonzero(part)[first], 400, replace=False).tolist()
    return pictures[chosen], np.where(animals[chosen] == 2, "cat", "other")


@pytest.mark.filterwarnings("ignore:values that lie far:tapetum.DataWarning")
@pytest.mark.parametrize("data", ["wdbc", "animal-shapes"])
def test_the_script_loses_no_accuracy(data, shapes):
    if data == "wdbc":
        X, y = load_breast_cancer(return_X_y=True)
    else:
        X, y = silhouettes(shapes)
        X = make_union(tp.features.Hog(7), tp.features.Dct(10)).fit_transform(X)
    found = {"tp": tp, "train_test_split": train_test_split, "X": X, "y": y}
    exec(SCRIPT, found)
    encrypted = np.mean(found["found"] == found["y_test"])
    print(f"{data}: {found['clear']:.2%} in the clear, {encrypted:.2%} encrypted")
    assert found["clear"] > {"wdbc": 0.96, "animal-shapes": 0.85}[data]
    assert abs(found["clear"] - encrypted) <= 0.005


def test_the_readme_says_the_same():
    (program,) = programs("README.md")
    lines = {line.strip() for line in programs("docs/python.md")[0].splitlines()}
    assert {line.strip() for line in program.splitlines()} <= {re.sub(" +#.*", "", line) for line in lines} | lines


@pytest.mark.parametrize("page", ["docs/python.md", "docs/cluster.md", "examples/tournament/README.md"])
def test_every_other_program_compiles_and_names_what_exists(page):
    for program in programs(page):
        compile(program, page, "exec")
        # Ray may not be installed.
        for name in re.findall(r"\btp\.(?!ray\b)([a-zA-Z_.]+)", program):
            value = tp
            for part in name.split("."):
                value = getattr(value, part)
