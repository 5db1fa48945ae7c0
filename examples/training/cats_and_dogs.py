#!/usr/bin/env python3
"""Trains the network of data/networks/cats-and-dogs.onnx: cat or dog on a photograph of 64 x 64 pixels.

A stem, four residual blocks and a dense layer on the means of the last maps; every activation is a polynomial of
degree 2 for each channel (see quadratic.py). Nine convolutions with an activation each and the dense layer take 19
levels: no bootstrapping.

    pip install torch onnx pillow
    python3 examples/training/cats_and_dogs.py --data photographs.tar --out data/networks/cats-and-dogs.onnx

The archive holds JPEGs of 64 x 64 pixels as `cat/00000.jpg` and `dog/00000.jpg`: numbers below 8,100 are trained on,
those up to 8,999 are for choices, 9,000 to 9,999 are looked at once, at the end. The seed is fixed and one thread is
used. With `--checkpoint FILE` a training that was stopped goes on where it was. A minute or two an epoch on one core.
"""

import argparse
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

import quadratic
from onnx_file import OnnxFile
from photographs import normaliser, read
from quadratic import ResidualNetwork, add_normalised, add_residual_network, report

SEED = 20261130
TRAINED_BELOW, CHOSEN_BELOW = 8_100, 9_000
BATCH = 64
RATE = 2e-3
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES = ["cat", "dog"]
normalised = normaliser(MEAN, DEVIATION)


def varied(images):
    """Mirrored, moved by up to six pixels, of other brightness and contrast, a square of 20 pixels grey."""
    n = len(images)
    images = torch.where((torch.rand(n) < 0.5)[:, None, None, None], images.flip(3), images).float()
    padded = F.pad(images, (6, 6, 6, 6), mode="reflect")
    y, x = torch.randint(0, 13, (2, n))
    rows = (y[:, None] + torch.arange(64))[:, None, :, None]
    columns = (x[:, None] + torch.arange(64))[:, None, None, :]
    images = padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
    contrast, light, tint = torch.rand(n, 1, 1, 1) * 0.5 + 0.75, torch.randn(n, 1, 1, 1) * 15, torch.randn(n, 3, 1, 1) * 6
    images = (images - 118) * contrast + 118 + light + tint
    cy, cx = torch.randint(0, 64, (2, n, 1))
    line = torch.arange(64)
    hidden = ((line - cy).abs() < 10)[:, None, :, None] & ((line - cx).abs() < 10)[:, None, None, :]
    hide = (torch.rand(n) < 0.5)[:, None, None, None]
    return torch.where(hidden & hide, torch.tensor(118.0), images).clamp(0, 255)


def export(model, path):
    file = OnnxFile()
    add_residual_network(file, model, add_normalised(file, MEAN, DEVIATION))
    file.write(path, "cats-and-dogs", [3, 64, 64], len(CLASSES), CLASSES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=26)
    parser.add_argument("--checkpoint", type=pathlib.Path)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    images, labels, numbers = read(options.data, CLASSES)
    train, choice, test = numbers < TRAINED_BELOW, (numbers >= TRAINED_BELOW) & (numbers < CHOSEN_BELOW), numbers >= CHOSEN_BELOW

    stem = nn.Conv2d(3, 16, 5, 2, 2, bias=False)
    model = ResidualNetwork(stem, (16, 64, 128, 128), (1, 2, 2, 2), len(CLASSES), dropout=0.2)
    model = model.to(memory_format=torch.channels_last)
    chosen = images[choice], labels[choice]
    quadratic.train(
        model, normalised, varied, images[train], labels[train], chosen,
        epochs=options.epochs, batch=BATCH, rate=RATE, checkpoint=options.checkpoint,
    )
    export(model, options.out)
    report(model, normalised, options.epochs, chosen, (images[test], labels[test]))


if __name__ == "__main__":
    main()
