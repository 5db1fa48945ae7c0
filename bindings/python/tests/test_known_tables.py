"""The tables that everybody tries first: the command's default learner is as good as scikit-learn's."""

import csv

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# The held-out parts of small tables are a few dozen rows: one row more or less is several points.
SPLITS = range(1, 6)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_the_default_learner_is_within_a_point_of_logistic_regression(command, tmp_path, name):
    table = getattr(datasets, f"load_{name}")()
    classes = np.array([str(table.target_names[target]) for target in table.target])
    with open(tmp_path / "table.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["label", *(f"c{column}" for column in range(table.data.shape[1]))])
        rows.writerows([label, *map(repr, map(float, row))] for label, row in zip(classes, table.data))
    count = len(table.target_names)
    kind = "--positive malignant" if count == 2 else f"--classes {count}"
    found, wanted = [], []
    for seed in SPLITS:
        command(f"simulate --images table.csv {kind} --seed {seed} --out held-out-{seed}.csv")
        with open(tmp_path / f"held-out-{seed}.csv") as file:
            predictions = list(csv.DictReader(file))
        held_out = np.array([int(row["source"].split("[")[1].rstrip("]")) for row in predictions])
        assert [row["truth"] for row in predictions] == classes[held_out].tolist()
        found.append(np.mean([row["class"] == row["truth"] for row in predictions]))
        learned = np.delete(np.arange(len(classes)), held_out)
        peer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        peer.fit(table.data[learned], classes[learned])
        wanted.append(peer.score(table.data[held_out], classes[held_out]))
    assert np.mean(found) >= np.mean(wanted) - 0.01, (found, wanted)
