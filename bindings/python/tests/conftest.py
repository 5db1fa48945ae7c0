"""Data sets, roles and the command that tests share."""

import csv
import gzip
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tapetum as tp

COMMAND = os.environ.get("TAPETUM")


def blobs(n=120, columns=4, classes=2, seed=0):
    """Rows of normal distributions around one centre for each class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    centres = 3 * rng.normal(size=(classes, columns))
    return rng.normal(size=(n, columns)) + centres[y], y


@pytest.fixture(scope="session")
def data():
    return blobs()


@pytest.fixture(scope="session")
def shapes():
    """The silhouettes that come with Tapetum, and which animal each is; 2 is a cat."""
    folder = Path(__file__).parents[3] / "data" / "animal-shapes"
    with gzip.open(folder / "images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "labels-idx1-ubyte.gz") as file:
        return pictures, np.frombuffer(file.read(), np.uint8, offset=8)


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


def write_table(path, X, y):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["a", "b", "c", "d", "label"])
        table.writerows([*map(repr, map(float, row)), label] for row, label in zip(X, y))


@pytest.fixture(scope="session")
def serving(tmp_path_factory):
    """A server over HTTPS in a process of its own: url, fingerprint and token."""
    if not COMMAND:
        pytest.skip("TAPETUM names no command")
    folder = tmp_path_factory.mktemp("serving") / "srv"
    line = [COMMAND, "--json", "serve", "--data", str(folder), "--listen", "127.0.0.1:0", "--log", "quiet"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline()
        assert said, "the command has no server: build it with --features server"
        yield {**json.loads(said), "data": folder}
    finally:
        process.terminate()
        process.wait(30)
