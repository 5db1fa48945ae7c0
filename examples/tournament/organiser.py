"""The organiser: holds the secret keys, publishes encrypted rows, and scores the models that are handed in."""

import json
from pathlib import Path

import numpy as np
import tapetum as tp

from metrics import metrics


class Refused(Exception):
    """A submission that is not scored, and why. The reason depends on nothing that was decrypted."""


class Track:
    """One estimator's competition: keys, the encrypted training rows, and the rows that were held out."""

    def __init__(self, estimator, eras, held_out, folder):
        X, y = (np.concatenate(parts) for parts in zip(*eras))
        self.estimator = estimator
        self._owner = tp.Owner.generate(estimator, X, y)
        self._owner.save(folder / "private", server=folder / "public" / "server")
        for number, (X, y) in enumerate(eras):
            self._owner.encrypt(X, y).save(folder / "public" / f"era-{number}.enc")
        self._server = tp.Server(self._owner.evaluation_keys)
        X, self._y = held_out
        self._held_out = self._owner.encrypt(X)
        self.public = folder / "public"

    def read_model(self, path):
        """A model that was handed in: encrypted, or a folder with one in the clear."""
        try:
            model = tp.PlainModel.load(path) if Path(path).is_dir() else self._server.read(path)
        except tp.Error as error:
            raise Refused(f"this cannot be read: {error}") from None
        if not isinstance(model, (tp.EncryptedModel, tp.PlainModel)):
            raise Refused(f"hand in a model, not {type(model).__name__}: predictions are computed here")
        return model

    def score(self, model):
        """Metrics of the predictions that the organiser computes itself, on rows that were never published."""
        try:
            scores = self._server.decision_function(model, self._held_out)
        except tp.Error as error:
            # Shapes and levels, which the participant knows as well.
            raise Refused(f"this model does not fit: {error}") from None
        try:
            scores = self._owner.decision_function(scores)
        except tp.Error:
            # An error would say what the decrypted numbers look like. So they are worth what guessing is.
            scores = np.zeros(len(self._y))
        return metrics(scores, self._y)


class Organiser:
    """Scores models, so many per key and so many per participant."""

    #: Results that are given out under one key, whoever asks: participants can have many names.
    PER_KEY = 20
    #: Results per participant and key.
    PER_PARTICIPANT = 5

    def __init__(self, estimators, eras, held_out, folder):
        folder = Path(folder)
        self.tracks = {name: Track(model, eras, held_out, folder / name) for name, model in estimators.items()}
        self._ledger = folder / "ledger.json"
        self.table = []

    def submit(self, participant, track, path):
        """Scores a handed-in model, and publishes the result.

        Raises
        ------
        Refused
            If it is not a model, or there were too many submissions.
        """
        model = self.tracks[track].read_model(path)
        self._count(participant, track)
        found = self.tracks[track].score(model)
        self.table.append({"participant": participant, "track": track, **found})
        return found

    def _count(self, participant, track):
        """Counts a submission, in a file and before anything is decrypted, so that no crash gives it back."""
        counts = json.loads(self._ledger.read_text()) if self._ledger.exists() else {}
        of_key = counts.setdefault(track, {})
        if sum(of_key.values()) >= self.PER_KEY:
            raise Refused(f"{self.PER_KEY} results were given out under the key of {track}: a new round needs a new key")
        if of_key.get(participant, 0) >= self.PER_PARTICIPANT:
            raise Refused(f"{participant} has had {self.PER_PARTICIPANT} results under the key of {track}")
        of_key[participant] = of_key.get(participant, 0) + 1
        self._ledger.write_text(json.dumps(counts))


class CarelessOrganiser:
    """What not to do: it publishes rows to predict, takes encrypted predictions, and returns them decrypted.

    Nothing here is broken, and the parameters are the same. But whoever can make ciphertexts out of the published ones decides
    what is decrypted.
    """

    def __init__(self, estimator, eras, live, folder):
        X, y = (np.concatenate(parts) for parts in zip(*eras))
        folder = Path(folder)
        self._owner = tp.Owner.generate(estimator, X, y)
        self._owner.save(folder / "private", server=folder / "public" / "server")
        X, self._y = live
        self._owner.encrypt(X).save(folder / "public" / "live.enc")
        self.public = folder / "public"

    def submit(self, path):
        """The participant's predictions, decrypted "for your convenience", and how many are right."""
        scores = self._owner.decision_function(self._owner.read(path))
        return scores, float(np.mean((scores > 0) == (self._y == 1)))
