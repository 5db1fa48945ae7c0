#!/usr/bin/env python3
"""A tournament on encrypted data, and the attack that a careless organiser falls for.

    pip install scikit-learn                  # beside the package tapetum
    python3 examples/tournament/tournament.py

An organiser publishes encrypted features and labels and evaluation keys; three participants train and hand in models; the
organiser computes the predictions itself and publishes a table. README.md says why. `--small` takes fewer columns.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import tapetum as tp
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import attack
from metrics import bits, metrics
from organiser import CarelessOrganiser, Organiser
from participants import PARTICIPANTS

ERAS = 2


def data(columns):
    """Two eras to train on, rows that are held out, and rows that a careless organiser publishes to be predicted."""
    X, y = load_breast_cancer(return_X_y=True)
    X = np.log(X[:, :columns] + 0.01)
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
    X_held, X_live, y_held, y_live = train_test_split(X_rest, y_rest, test_size=0.3, stratify=y_rest, random_state=0)
    eras = list(zip(np.array_split(X_train, ERAS), np.array_split(y_train, ERAS)))
    return eras, (X_held, y_held), (X_live, y_live)


def estimators(max_iter):
    """What can be trained: a track each, with a key of its own."""
    return {
        "logistic": tp.LogisticRegression(max_iter=3, interval=16),
        "ridge": tp.Ridge(max_iter=max_iter, plain_columns=True),
        "fisher": tp.FisherDiscriminant(max_iter=max_iter, plain_columns=True),
    }


def compete(organiser, eras, held_out, folder):
    """Every participant trains and hands in; beside it, the same training in the clear."""
    rows = []
    for name, (script, on) in PARTICIPANTS.items():
        track, path = script(lambda track: organiser.tracks[track].public, folder / f"{name}.model")
        found = organiser.submit(name, track, path)
        X, y = (np.concatenate([eras[era][part] for era in on]) for part in (0, 1))
        clear = organiser.tracks[track].estimator.fit(X, y)
        rows.append((name, track, found, metrics(clear.decision_function(held_out[0]), held_out[1])))
    return rows


def print_table(rows):
    print(f"{'participant':<12} {'track':<9} {'accuracy':>8} {'log loss':>8} {'correlation':>11}   in the clear")
    for name, track, found, clear in sorted(rows, key=lambda row: (-row[2]["accuracy"], row[2]["log loss"])):
        print(
            f"{name:<12} {track:<9} {found['accuracy']:>8.2f} {found['log loss']:>8.2f} {found['correlation']:>11.2f}   "
            f"{clear['accuracy']:.2f} {clear['log loss']:.2f} {clear['correlation']:.2f}"
        )


def run(folder, columns=30, max_iter=6):
    """The whole of it, with what the tests look at."""
    tracks = estimators(max_iter)
    eras, held_out, live = data(columns)
    organiser = Organiser(tracks, eras, held_out, folder / "organiser")
    rows = compete(organiser, eras, held_out, folder)
    print_table(rows)

    careless = CarelessOrganiser(tracks["ridge"], eras, live, folder / "careless")
    started = time.perf_counter()
    found = attack.against_the_careless(careless, columns, folder)
    seconds = time.perf_counter() - started
    stolen = attack.recovered(found, live[0])
    print(
        f"\nA careless organiser decrypts predictions: {stolen} of {columns} columns of {len(found)} secret rows recovered "
        f"in {seconds:.0f} s"
    )

    outcome = attack.against_the_careful(organiser, "ridge", columns, folder / "predictions-0.enc", folder)
    answers = outcome["answers"]
    secret = columns * len(held_out[0])
    print(
        f"This organiser refuses them ({outcome['refused'][0]}), and scores {len(answers)} models of the attacker: at most "
        f"{bits(len(answers)):.0f} bits about {secret} secret values"
    )
    print(f"The next one is refused ({outcome['refused'][-1]})")
    return {"rows": rows, "stolen": stolen, "columns": columns, **outcome}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="8 columns of 30, fewer iterations")
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), **({"columns": 8, "max_iter": 3} if parser.parse_args().small else {}))


if __name__ == "__main__":
    main()
