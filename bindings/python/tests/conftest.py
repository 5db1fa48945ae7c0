"""Data sets, roles and the command that tests share."""

import json
import os
import subprocess

import numpy as np
import pytest
import tapetum as tp


def blobs(n=120, columns=4, classes=2, seed=0):
    """Rows of normal distributions around one centre for each class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = 3 * rng.normal(size=(classes, columns))
    return rng.normal(size=(n, columns)) + centres[y], y


@pytest.fixture(scope="session")
def data():
    return blobs()


class Roles:
    """Owner and server of a linear-means training, and what they made."""

    def __init__(self, X, y):
        self.model = tp.LinearMeans().fit(X, y)
        self.owner = tp.Owner.generate(self.model, X, y)
        self.server = tp.Server(self.owner.evaluation_keys)
        self.fitted = self.server.fit(self.owner.encrypt(X, y))
        self.rows = self.owner.encrypt(X)
        self.scores = self.server.decision_function(self.fitted, self.rows)


@pytest.fixture(scope="session")
def roles(data):
    return Roles(*data)


COMMAND = os.environ.get("TAPETUM")


@pytest.fixture
def command(tmp_path):
    if not COMMAND:
        pytest.skip("TAPETUM names no command")

    def run(line):
        done = subprocess.run(
            [COMMAND, *line.split(), "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
