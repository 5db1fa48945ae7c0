"""The script that data scientists write, as docs/python.md and README.md have it."""

import re
from pathlib import Path

import numpy as np
import pytest
import tapetum as tp

ROOT = Path(__file__).parents[3]


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


def test_the_readme_says_the_same():
    (program,) = programs("README.md")
    lines = {line.strip() for line in programs("docs/python.md")[0].splitlines()}
    assert {line.strip() for line in program.splitlines()} <= {re.sub(" +#.*", "", line) for line in lines} | lines


def test_every_other_program_compiles_and_names_what_exists():
    for program in programs("docs/python.md"):
        compile(program, "docs/python.md", "exec")
        for name in re.findall(r"\btp\.([a-zA-Z_.]+)", program):
            value = tp
            for part in name.split("."):
                value = getattr(value, part)
