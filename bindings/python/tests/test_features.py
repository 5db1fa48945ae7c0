"""Features of pictures, on the silhouettes that come with Tapetum."""

import json
import pickle

import numpy as np
import pytest
import tapetum as tp
from sklearn.base import clone
from sklearn.pipeline import make_pipeline, make_union

from conftest import blobs, write_table


@pytest.fixture(scope="module")
def cats(shapes):
    """500 silhouettes, half of them cats."""
    pictures, labels = shapes
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


@pytest.mark.parametrize("spec", ["hog:7+dct:10", "pixels:14", "hog-blocks:7"])
def test_features_are_those_of_the_command(command, tmp_path, spec, cats):
    np.savez(tmp_path / "cats.npz", images=cats[0], labels=cats[1])
    command(f"keygen --owner owner --server server --learner linear-means --features {spec}")
    command("encrypt --owner owner --images cats.npz --positive 1 --keep-repeats --out train.enc")
    standardizer = json.loads((tmp_path / "owner" / "features.json").read_text())["standardizer"]
    kinds = {"hog": tp.features.Hog, "dct": tp.features.Dct, "pixels": tp.features.Pixels}
    parts = [part.split(":") for part in spec.split("+")]
    makers = [kinds[name.split("-")[0]](int(n), **({"blocks": True} if name == "hog-blocks" else {})) for name, n in parts]
    X = make_union(*makers).fit_transform(cats[0])
    assert np.allclose(X.mean(axis=0), standardizer["mean"], atol=1e-12)
    assert np.allclose(X.std(axis=0), standardizer["std"], atol=1e-12)


def test_whitening_is_that_of_the_command(command, tmp_path):
    X, y = blobs(80)
    write_table(tmp_path / "table.csv", X, np.array(["cat", "dog"])[y])
    command("keygen --owner owner --server server --learner ridge --whiten=3 --like table.csv")
    command("encrypt --owner owner --images table.csv --positive dog --out train.enc")
    theirs = json.loads((tmp_path / "owner" / "features.json").read_text())["standardizer"]
    whitening = tp.features.Whitening(3).fit(X)
    ours = json.loads(whitening._whitening.to_json())
    assert ours["projection"] == theirs["projection"] and ours["mean"] == theirs["mean"]
    covariance = np.cov(whitening.transform(X), rowvar=False)
    assert np.abs(covariance - np.diag(covariance.diagonal())).max() < 0.1


def test_whitening_among_transformers(data):
    X, y = data
    model = make_pipeline(tp.features.Whitening(3), tp.Ridge(max_iter=3, plain_columns=True)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(clone(model).fit(X, y).predict(X), again.predict(X)) and model.score(X, y) > 0.9
    with pytest.raises(tp.NotFittedError):
        tp.features.Whitening().transform(X)
    with pytest.raises(tp.InputError, match="expecting 4"):
        model[0].transform(X[:, 1:])


def test_coloured_pictures_are_grey_as_the_command_sees_them():
    pictures = np.random.default_rng(0).integers(0, 256, size=(2, 28, 28, 3), dtype=np.uint8)
    grey = np.floor(pictures @ np.array([0.2126, 0.7152, 0.0722]) + 0.5)
    assert np.allclose(tp.features.Pixels(28).transform(pictures), grey.reshape(2, -1) / 255, atol=1.01 / 255)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A network of a convolution, a pooling and a fully connected layer, with random weights."""
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(0)
    weights = {"c": rng.normal(size=(5, 3, 3, 3)), "w": rng.normal(size=(5, 2)), "shape": np.array([1, 5])}
    helper = onnx.helper
    nodes = [
        helper.make_node("Conv", ["x", "c"], ["a"], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("GlobalAveragePool", ["b"], ["p"]),
        helper.make_node("Reshape", ["p", "shape"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "backbone",
        [value("x", onnx.TensorProto.FLOAT, [1, 3, 16, 16])],
        [value("y", onnx.TensorProto.FLOAT, [1, 2])],
        [onnx.numpy_helper.from_array(v.astype(np.int64 if n == "shape" else np.float32), n) for n, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path_factory.mktemp("backbone") / "backbone.onnx"
    onnx.save(model, path)
    return path, weights["c"]


def test_features_of_a_network(backbone, monkeypatch):
    monkeypatch.setenv("TAPETUM_CACHE", "")
    path, kernel = backbone
    pictures = np.random.default_rng(1).integers(0, 256, size=(2, 16, 16, 3), dtype=np.uint8)
    found = clone(tp.features.Onnx(path, scale="unit")).fit_transform(pictures)
    windows = np.lib.stride_tricks.sliding_window_view(pictures / 255, (3, 3), axis=(1, 2))[:, ::2, ::2]
    expected = np.maximum(np.einsum("nhwcij,ocij->nohw", windows, kernel), 0).mean(axis=(2, 3))
    assert np.allclose(found, expected, atol=1e-4)
    with pytest.raises(tp.InputError, match=":"):
        tp.features.Onnx("a:b.onnx").transform(pictures)
    with pytest.raises(tp.Error, match="nothing.onnx"):
        tp.features.Onnx("nothing.onnx").transform(pictures)
