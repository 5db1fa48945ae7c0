"""Features of pictures, on the silhouettes that come with Tapetum."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import tapetum as tp
from sklearn.base import clone
from sklearn.pipeline import make_pipeline, make_union

SHAPES = Path(__file__).parents[3] / "data" / "animal-shapes"


@pytest.fixture(scope="module")
def cats():
    """500 silhouettes, half of them cats."""
    with gzip.open(SHAPES / "images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(SHAPES / "labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    rng = np.random.default_rng(0)
    chosen = np.concatenate([rng.choice(np.flatnonzero(part), 250, replace=False) for part in (labels == 2, labels != 2)])
    return pictures[chosen], (labels[chosen] == 2).astype(int)


def test_silhouettes_are_told_apart(cats):
    pictures, y = cats
    model = make_pipeline(make_union(tp.features.Hog(7), tp.features.Dct(10)), tp.LinearMeans())
    assert model.fit(pictures[::2], y[::2]).score(pictures[1::2], y[1::2]) > 0.8


@pytest.mark.parametrize(
    "features", [tp.features.Hog(4), tp.features.Hog(7, blocks=True), tp.features.Dct(5), tp.features.Pixels(7)], ids=repr
)
def test_flat_pictures_have_the_same_features(cats, features):
    pictures = cats[0][:3]
    flat = clone(features).fit_transform(pictures.reshape(3, -1).astype(float))
    assert np.array_equal(flat, features.transform(pictures)) and flat.ndim == 2


def test_pixels_are_grey_values(cats):
    pictures = cats[0][:2]
    found = tp.features.Pixels(28).transform(pictures)
    assert np.allclose(found, pictures.reshape(2, -1) / 255)


def test_what_is_no_picture_is_refused():
    for pictures, advice in [
        (np.zeros((2, 3)), "square"),
        (np.zeros(4), "shape"),
        (np.full((1, 28, 28), 0.5), "whole numbers"),
        (np.full((1, 28, 28), 300), "0 to 255"),
    ]:
        with pytest.raises(tp.InputError, match=advice):
            tp.features.Hog().transform(pictures)
    with pytest.raises(tp.InputError, match="cell"):
        tp.features.Hog(5).transform(np.zeros((1, 28, 28), np.uint8))
