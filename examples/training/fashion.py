#!/usr/bin/env python3
"""Trains the network of data/networks/fashion.onnx: pieces of clothing of 28 x 28 grey pixels.

A convolution of 5 x 5 and one of 3 x 3, both with stride 2, each with a polynomial of degree 2 for each channel (see
quadratic.py), and a dense layer: five levels.

    pip install torch onnx
    python3 examples/training/fashion.py --data DIR --out data/networks/fashion.onnx

DIR has the four files of Fashion-MNIST as they are distributed (train-images-idx3-ubyte.gz, ...). The seed is fixed and
one thread is used; 5,000 of the training images are for choices, and the test images are looked at once, at the end.
With `--checkpoint FILE` a training that was stopped goes on where it was.
"""

import argparse
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

from idx import scaled, test_set, training_set
from onnx_file import OnnxFile
from quadratic import Quadratic, add_activation, add_convolution, add_scores, normalisation, report, train

SEED = 20261201
MAPS = (16, 32)
CLASSES = ["t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
VALIDATION = 5_000
BATCH = 128
RATE = 3e-3


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        first, second = MAPS
        self.conv1 = nn.Conv2d(1, first, 5, 2, 2, bias=False)
        self.activation1 = Quadratic(first)
        self.conv2 = nn.Conv2d(first, second, 3, 2, 1, bias=False)
        self.activation2 = Quadratic(second)
        self.norm = nn.BatchNorm1d(second * 7 * 7, affine=False)
        self.scores = nn.Linear(second * 7 * 7, len(CLASSES))

    def forward(self, x):
        x = self.activation2(self.conv2(self.activation1(self.conv1(x))))
        return self.scores(F.dropout(self.norm(x.flatten(1)), 0.3, self.training))


def varied(images):
    """Mirrored, and moved by up to one pixel along each axis."""
    n = len(images)
    images = torch.where((torch.rand(n) < 0.5)[:, None, None], images.flip(2), images)
    padded = F.pad(images, (1, 1, 1, 1))
    y, x = torch.randint(0, 3, (2, n))
    line = torch.arange(28)
    return padded[torch.arange(n)[:, None, None], (y[:, None] + line)[:, :, None], (x[:, None] + line)[:, None, :]]


def export(model, path):
    file = OnnxFile()
    x = "image"
    for i, (conv, activation) in enumerate([(model.conv1, model.activation1), (model.conv2, model.activation2)], 1):
        scale, bias = normalisation(activation.norm)
        x = add_convolution(file, conv, x, f"conv{i}", bias, scale)
        x = add_activation(file, activation, x, f"activation{i}")
    add_scores(file, model.scores, model.norm, file.node("Flatten", [x], "flat"))
    file.write(path, "fashion", [1, 28, 28], len(CLASSES), CLASSES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--checkpoint", type=pathlib.Path)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    (images, labels), choice = training_set(options.data, VALIDATION)
    model = Network()
    train(
        model, scaled, varied, images, labels, choice,
        epochs=options.epochs, batch=BATCH, rate=RATE, checkpoint=options.checkpoint,
    )
    export(model, options.out)
    report(model, scaled, options.epochs, choice, test_set(options.data))


if __name__ == "__main__":
    main()
