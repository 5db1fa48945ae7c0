"""Features of pictures, and whitening, as the command takes them: scikit-learn transformers.

Pictures are arrays of 8 bits a pixel, of shape (n_samples, height, width), flattened squares of shape
(n_samples, n_pixels), or coloured ones of shape (n_samples, height, width, 3). Values are not standardised: estimators do
that.
"""

import os

import numpy as np

from . import _tapetum
from ._base import Parameters
from ._progress import callback
from ._validation import as_rows, check_width
from .errors import InputError, not_fitted


class _Features(Parameters):
    def fit(self, X, y=None):
        """Learns nothing; looks at the pictures.

        Returns
        -------
        self
        """
        _pictures(X)
        return self

    def transform(self, X):
        """The features of pictures.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width), (n_samples, height, width, 3) or (n_samples, n_pixels)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return _tapetum.extract(self._spec(), self.side, _pictures(X), None)

    def fit_transform(self, X, y=None):
        """As :meth:`transform`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return self.fit(X).transform(X)

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(three_d_array=True),
            requires_fit=False,
        )


class Pixels(_Features):
    """Grey values of the picture at ``n`` by ``n`` pixels.

    Parameters
    ----------
    n : int, default=14
    side : int, default=28
        Pictures are resized to this many pixels along each side first.

    Examples
    --------
    >>> import numpy as np, tapetum as tp
    >>> tp.features.Pixels(4).fit_transform(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 16)
    """

    def __init__(self, n=14, *, side=28):
        self.n = n
        self.side = side

    def _spec(self):
        return f"pixels:{self.n}"


class Dct(_Features):
    """The ``n`` by ``n`` coefficients of lowest frequency of the discrete cosine transform.

    Parameters
    ----------
    n : int, default=10
    side : int, default=28

    Examples
    --------
    >>> import numpy as np, tapetum as tp
    >>> tp.features.Dct(3).fit_transform(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 9)
    """

    def __init__(self, n=10, *, side=28):
        self.n = n
        self.side = side

    def _spec(self):
        return f"dct:{self.n}"


class Hog(_Features):
    """Histograms of oriented gradients, nine orientations for each cell.

    Parameters
    ----------
    cell : int, default=7
        Pixels along each side of a cell.
    side : int, default=28
    blocks : bool, default=False
        Normalise over blocks of two by two cells.

    Examples
    --------
    >>> import numpy as np, tapetum as tp
    >>> tp.features.Hog(7).fit_transform(np.zeros((2, 28, 28), np.uint8)).shape
    (2, 144)
    """

    def __init__(self, cell=7, *, side=28, blocks=False):
        self.cell = cell
        self.side = side
        self.blocks = blocks

    def _spec(self):
        return f"{'hog-blocks' if self.blocks else 'hog'}:{self.cell}"


class Onnx(_Features):
    """What an inner layer of a public network makes of a picture, in its own size and in colour.

    The network runs here, in the clear, before anything is encrypted; it is not trained. No other runtime is needed.
    Features are kept in ``~/.cache/tapetum``, or where ``TAPETUM_CACHE`` says.

    Parameters
    ----------
    path : str or path-like
        An ONNX file, or with the ending ``.tflite`` one of TensorFlow Lite.
    layer : str, optional
        The layer to read. By default the input of the last convolution or fully connected layer: of a classifier the
        pooled layer before its classes.
    scale : {"imagenet", "signed", "unit", "bytes"}, default="imagenet"
        What black and white are in the network: PyTorch's standardisation, -1 to 1, 0 to 1, 0 to 255. A wrong choice costs
        accuracy without a sign.
    progress : bool or callable, default=False

    Examples
    --------
    >>> import tapetum as tp
    >>> tp.features.Onnx("resnet18.onnx").fit_transform(photographs).shape   # doctest: +SKIP
    (480, 512)
    """

    def __init__(self, path, *, layer=None, scale="imagenet", progress=False):
        self.path = path
        self.layer = layer
        self.scale = scale
        self.progress = progress

    def _spec(self):
        path = os.path.abspath(os.fspath(self.path))
        for part in (path, self.layer or ""):
            if found := sorted(set(part) & set(":?@+")):
                raise InputError(f"{part} has {found[0]!r} in its name: paths and layers may have none of : ? @ +")
        form = "tflite" if path.endswith(".tflite") else "onnx"
        layer = "" if self.layer is None else f":{self.layer}"
        return f"{form}:{path}{layer}?{self.scale}"

    def transform(self, X):
        """The features of pictures.

        Parameters
        ----------
        X : array-like of shape (n_samples, height, width, 3) or as of the others

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        with callback(self.progress) as told:
            # The side is for features of other kinds.
            return _tapetum.extract(self._spec(), 28, _pictures(X), told)


class Whitening(Parameters):
    """Principal directions in place of features: uncorrelated, so that training needs few iterations.

    What the option ``--whiten`` of the command does. Columns are standardised first, and cut off at four deviations. It is
    fitted to 1,000 rows at most. Take an estimator with ``plain_columns=True`` after it.

    Parameters
    ----------
    n_components : int, default=255
        Directions, at most as many as there are columns. With an intercept 255 fill a block of 256 slots.
    shrinkage : float, default=0.1
        Keeps noise in directions of little variance small.

    Attributes
    ----------
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np, tapetum as tp
    >>> X = np.random.default_rng(0).normal(size=(50, 6))
    >>> tp.features.Whitening(3).fit_transform(X).shape
    (50, 3)
    """

    def __init__(self, n_components=255, *, shrinkage=0.1):
        self.n_components = n_components
        self.shrinkage = shrinkage

    def fit(self, X, y=None):
        """Finds the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        self
        """
        X = as_rows(X, estimator="Whitening")
        self._whitening = _tapetum.Whitening.fit(X, int(self.n_components), float(self.shrinkage))
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        """The features along the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        if not self.__sklearn_is_fitted__():
            raise not_fitted(self)
        X = as_rows(X, estimator="Whitening")
        check_width(X, self.n_features_in_, "Whitening")
        return self._whitening.transform(X)

    def fit_transform(self, X, y=None):
        """Both.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        return self.fit(X).transform(X)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_whitening")

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(),
        )

    def __getstate__(self):
        state = self.__dict__.copy()
        if "_whitening" in state:
            state["_whitening"] = state["_whitening"].to_json()
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "_whitening" in state:
            state["_whitening"] = _tapetum.Whitening.from_json(state["_whitening"])
        self.__dict__.update(state)


def _pictures(X):
    """Pictures as (n, height, width, channels) of bytes."""
    array = np.asarray(X)
    if array.ndim == 2:
        side = int(np.sqrt(array.shape[1]))
        if side * side != array.shape[1]:
            raise InputError(f"{array.shape[1]} pixels are not a square: give pictures as (n_samples, height, width)")
        array = array.reshape(len(array), side, side)
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        raise InputError(
            "pictures have shape (n_samples, height, width) or (n_samples, height, width, 3), but X has "
            f"{np.asarray(X).shape}"
        )
    if array.dtype != np.uint8:
        whole = array.dtype.kind in "fiu" and np.isfinite(array).all() and (array == np.floor(array)).all()
        if not whole or array.min() < 0 or array.max() > 255:
            raise InputError(f"pictures have whole numbers from 0 to 255, but X of dtype {array.dtype} has others")
    return np.ascontiguousarray(array, dtype=np.uint8)
