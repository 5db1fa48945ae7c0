"""Estimators: what is trained, in the clear or under encryption.

In the clear they are scikit-learn classifiers without scikit-learn: parameters, ``fit``, ``predict``,
``decision_function``, ``score``. They compute what encrypted training computes, with the same polynomials, so their
accuracy is that of the encrypted model up to its noise.

Features are standardised, whitened and, where there are samples enough, joined by their squares, with statistics of
the training data: do not scale them yourself. ``plain_columns=True`` only standardises them.
"""

import json

from . import _tapetum
from ._base import Classifier


class LinearMeans(Classifier):
    """Nearest class mean, for two classes: one pass over the data, no iterations.

    Parameters
    ----------
    class_weight : {"balanced"} or None, default=None
        With "balanced", samples of the rarer class are repeated until both classes count the same.
    plain_columns : bool, default=False
        Only standardise the columns: no whitening, no squares.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
    n_features_in_ : int
    feature_names_in_ : ndarray, if X had names

    Examples
    --------
    >>> import tapetum as tp
    >>> X = [[0.0, 1.0], [0.2, 0.8], [1.0, 0.1], [0.9, -0.2]]
    >>> model = tp.LinearMeans().fit(X, ["cat", "cat", "dog", "dog"])
    >>> model.predict([[0.1, 0.9], [1.1, 0.0]]).tolist()
    ['cat', 'dog']
    """

    _algorithms = ("linear-means", None)

    def __init__(self, *, class_weight=None, plain_columns=False):
        self.class_weight = class_weight
        self.plain_columns = plain_columns


class _LeastSquares(Classifier):
    def _settings(self, algorithm):
        settings = {"steps": self.max_iter, "largest-eigenvalue": self.largest_eigenvalue}
        return {name: value for name, value in settings.items() if value is not None}


class FisherDiscriminant(_LeastSquares):
    """Fisher's linear discriminant, for two classes: one pass over the data, then iterations on their sums.

    Parameters
    ----------
    max_iter : int, default=6
        Iterations of the solution, 1 to 64. Fewer regularise more; each takes a level.
    largest_eigenvalue : float, optional
        A bound on the eigenvalues of X^T X / m that the solution has room for, where data of one contributor have 1.
        By default 2.
    class_weight : {"balanced"} or None, default=None
    plain_columns : bool, default=False

    Examples
    --------
    >>> import tapetum as tp
    >>> X = [[0.0, 1.0], [0.2, 0.8], [1.0, 0.1], [0.9, -0.2]]
    >>> tp.FisherDiscriminant().fit(X, [0, 0, 1, 1]).predict(X).tolist()
    [0, 0, 1, 1]
    """

    _algorithms = ("fisher", None)

    def __init__(self, *, max_iter=6, largest_eigenvalue=None, class_weight=None, plain_columns=False):
        self.max_iter = max_iter
        self.largest_eigenvalue = largest_eigenvalue
        self.class_weight = class_weight
        self.plain_columns = plain_columns


class Ridge(_LeastSquares):
    """Ridge regression on the labels, for two classes or more, as scikit-learn's ``RidgeClassifier``.

    Parameters
    ----------
    alpha : float, default=0.0
        The penalty on squared weights; the intercept is exempt. The iterations regularise as well.
    max_iter : int, default=6
        Iterations of the solution, 1 to 64.
    largest_eigenvalue : float, optional
        As of :class:`FisherDiscriminant`.
    class_weight : {"balanced"} or None, default=None
    plain_columns : bool, default=False

    Examples
    --------
    >>> import tapetum as tp
    >>> X = [[0.0, 1.0], [0.2, 0.8], [1.0, 0.1], [0.9, -0.2], [-1.0, -1.0], [-1.2, -0.9]]
    >>> tp.Ridge(alpha=0.1).fit(X, ["a", "a", "b", "b", "c", "c"]).predict(X).tolist()
    ['a', 'a', 'b', 'b', 'c', 'c']
    """

    _algorithms = ("ridge", "ridge")

    def __init__(
        self, alpha=0.0, *, max_iter=6, largest_eigenvalue=None, class_weight=None, plain_columns=False
    ):
        self.alpha = alpha
        self.max_iter = max_iter
        self.largest_eigenvalue = largest_eigenvalue
        self.class_weight = class_weight
        self.plain_columns = plain_columns

    def _settings(self, algorithm):
        return {"alpha": self.alpha, **super()._settings(algorithm)}


#: What the listed learning rates of the library are made for.
_LISTED_ITERATIONS = 3
#: Learning rate of other numbers of iterations: twice what is safe for any data.
_CONSTANT_RATE = 8.0


class LogisticRegression(Classifier):
    """Logistic regression by gradient steps, with a polynomial for the sigmoid.

    Of more than two classes, each is told from the rest by a regression of its own, as
    :class:`OneVsRestLogistic` does.

    Parameters
    ----------
    max_iter : int, default=3
        Gradient steps. Each after the first takes six levels: without ``batch_size``, three are usual and four the most.
    learning_rate : float, list of float or None, default=None
        One for all steps, with Nesterov's momentum, or one for each, without. By default 12, 8, 32 for three steps,
        and 8 for other numbers of steps. In these units 4 is safe for any data.
    interval : float, optional
        The polynomial stands for the sigmoid on [-interval, interval], 1 to 64. By default 12, or 16 with ``batch_size``.
    batch_size : int, optional
        Train on mini-batches of this many samples, bootstrapping the weights between steps, for any number of steps.
    class_weight : {"balanced"} or None, default=None
        With "balanced", samples of rarer classes are repeated until all classes count the same.
    plain_columns : bool, default=False
        Only standardise the columns: no whitening, no squares.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    n_iter_ : int
    feature_names_in_ : ndarray, if X had names

    Examples
    --------
    >>> import tapetum as tp
    >>> X = [[0.0, 1.0], [0.2, 0.8], [1.0, 0.1], [0.9, -0.2]]
    >>> model = tp.LogisticRegression(max_iter=3).fit(X, [0, 0, 1, 1])
    >>> model.score(X, [0, 0, 1, 1])
    1.0
    """

    _algorithms = ("logistic", "one-vs-rest")

    def __init__(
        self,
        *,
        max_iter=3,
        learning_rate=None,
        interval=None,
        batch_size=None,
        class_weight=None,
        plain_columns=False,
    ):
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.interval = interval
        self.batch_size = batch_size
        self.class_weight = class_weight
        self.plain_columns = plain_columns

    def _default_settings(self, algorithm):
        return json.loads(_tapetum.default_settings(algorithm, self.batch_size))

    def _settings(self, algorithm):
        settings = {"iterations": self.max_iter}
        if self.interval is not None:
            settings["interval"] = self.interval
        if self.learning_rate is not None:
            single = isinstance(self.learning_rate, (int, float))
            settings["steps"] = {"constant" if single else "listed": self.learning_rate}
        elif self.batch_size is None and self.max_iter != _LISTED_ITERATIONS:
            settings["steps"] = {"constant": _CONSTANT_RATE}
        return settings


class OneVsRestLogistic(LogisticRegression):
    """Logistic regression of each class against all others, for two classes or more.

    Parameters
    ----------
    max_iter, learning_rate, interval, batch_size, class_weight, plain_columns
        As of :class:`LogisticRegression`.

    Examples
    --------
    >>> import tapetum as tp
    >>> X = [[0.0, 1.0], [0.2, 0.8], [1.0, 0.1], [0.9, -0.2], [-1.0, -1.0], [-1.2, -0.9]]
    >>> tp.OneVsRestLogistic().fit(X, [0, 0, 1, 1, 2, 2]).decision_function(X).shape
    (6, 3)
    """

    _algorithms = ("one-vs-rest", "one-vs-rest")
