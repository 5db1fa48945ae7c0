"""What the organiser publishes of a model: three numbers, rounded."""

import numpy as np

#: Steps that metrics are rounded to.
STEP = 0.01
#: The log loss of a sample is at most this.
LARGEST_LOSS = 10.0


def metrics(scores, y):
    """Accuracy, log loss and correlation of scores with labels 0 and 1, each a multiple of :data:`STEP`.

    Learners scale their scores differently, so the log loss is that of scores divided by half their standard deviation.
    """
    scores = np.where(np.isfinite(scores), scores, 0.0)
    spread = scores.std()
    z = np.zeros_like(scores) if spread == 0 else np.clip(2 * scores / spread, -LARGEST_LOSS, LARGEST_LOSS)
    loss = np.logaddexp(0, np.where(y == 1, -z, z)).mean()
    correlation = 0.0 if spread == 0 else np.corrcoef(scores, y)[0, 1]
    exact = {"accuracy": np.mean((scores > 0) == (y == 1)), "log loss": loss, "correlation": correlation}
    return {name: round(round(float(value) / STEP) * STEP, 2) for name, value in exact.items()}


def bits(submissions):
    """The most that so many published submissions can say about the organiser's rows."""
    values = (1 / STEP + 1) * (LARGEST_LOSS / STEP + 1) * (2 / STEP + 1)
    return submissions * np.log2(values)
