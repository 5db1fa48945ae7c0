"""Features of grey pictures, as the command takes them: transformers without parameters to learn.

Pictures are arrays of 8 bits a pixel, of shape (n_samples, height, width), or flattened squares of shape
(n_samples, n_pixels). Values are not standardised: estimators do that.
"""

import numpy as np

from . import _tapetum
from ._base import Parameters
from .errors import InputError


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
        X : array-like of shape (n_samples, height, width) or (n_samples, n_pixels)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        return _tapetum.extract(self._spec(), self.side, _pictures(X))

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


def _pictures(X):
    array = np.asarray(X)
    if array.ndim == 2:
        side = int(np.sqrt(array.shape[1]))
        if side * side != array.shape[1]:
            raise InputError(f"{array.shape[1]} pixels are not a square: give pictures as (n_samples, height, width)")
        array = array.reshape(len(array), side, side)
    if array.ndim != 3 or 0 in array.shape:
        raise InputError(f"pictures have shape (n_samples, height, width), but X has {array.shape}")
    if array.dtype != np.uint8:
        whole = array.dtype.kind in "fiu" and np.isfinite(array).all() and (array == np.floor(array)).all()
        if not whole or array.min() < 0 or array.max() > 255:
            raise InputError(f"pictures have whole numbers from 0 to 255, but X of dtype {array.dtype} has others")
    return np.ascontiguousarray(array, dtype=np.uint8)
