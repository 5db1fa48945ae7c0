"""The attack: an organiser that decrypts what it is handed is a decryption oracle.

A participant makes a model whose weights are 0 but for a single 1. Its "predictions" of the published rows are then a column of
the features, still encrypted, and the organiser decrypts it.
"""

import json
from types import SimpleNamespace

import numpy as np
import tapetum as tp

from organiser import Refused

#: A column counts as recovered from this correlation on.
RECOVERED = 0.95


def picks(column, columns, folder):
    """A model in the clear whose score is the value in one column of the rows as they are encrypted."""
    # Rows of a least-squares track have one column more than the data, a constant for the intercept.
    weights = np.eye(columns + 1)[[column]]
    model = tp.PlainModel.from_sklearn(SimpleNamespace(coef_=weights, intercept_=[0.0], classes_=np.array([0, 1])))
    model.save(folder)
    # Models carry the id of the features that they were made for. It prevents mistakes; an attacker removes it.
    for name in ("features.json", "model.json"):
        file = json.loads((folder / name).read_text())
        file.pop("id", None)
        file.pop("features_id", None)
        (folder / name).write_text(json.dumps(file))
    return folder


def against_the_careless(organiser, columns, folder):
    """Every column of the published rows, as the organiser decrypts it."""
    server = tp.Server.load(organiser.public / "server")
    live = server.read(organiser.public / "live.enc")
    found = []
    for column in range(columns):
        model = tp.PlainModel.load(picks(column, columns, folder / f"careless-{column}"))
        path = folder / f"predictions-{column}.enc"
        server.decision_function(model, live).save(path)
        predictions, _ = organiser.submit(path)
        found.append(predictions)
    return np.stack(found, axis=1)


def against_the_careful(organiser, track, columns, predictions, folder):
    """The same models and the same predictions, handed to the organiser who computes predictions itself.

    Returns
    -------
    dict
        What was refused and why, and all that was answered.
    """
    refused, answers = [], []
    try:
        organiser.submit("mallory", track, predictions)
    except Refused as error:
        refused.append(str(error))
    for column in range(columns):
        try:
            answers.append(organiser.submit("mallory", track, picks(column, columns, folder / f"careful-{column}")))
        except Refused as error:
            refused.append(str(error))
            break
    return {"refused": refused, "answers": answers}


def recovered(found, truth):
    """How many columns of the true rows are among those found, up to sign and scale."""
    if found.shape[1] == 0:
        return 0
    both = np.corrcoef(found, truth, rowvar=False)[: found.shape[1], found.shape[1] :]
    return int((np.abs(np.nan_to_num(both)).max(axis=0) >= RECOVERED).sum())
