#!/usr/bin/env python3
"""Trains ResNet-20 for CIFAR-10 (He, Zhang, Ren, Sun, 2016) with polynomials of degree 2 as activations: 39 levels.

With `--relu` the activations stay ReLU: what the polynomials cost is the difference.

    pip install torch onnx pillow
    python3 examples/training/cifar10_resnet20.py --data DIR --out resnet20-degree2.onnx

DIR holds train.tar and test.tar, archives of JPEGs as `train/cat/0000.jpg`: numbers from 4,500 of each class are for
choices, and the test part is looked at once, at the end. The seed is fixed. With `--checkpoint FILE` a training that was
stopped goes on where it was.
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

SEED = 20261201
TRAINED_BELOW = 4_500
BATCH = 128
RATE = 3e-3
MEAN, DEVIATION = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
normalised = normaliser(MEAN, DEVIATION)


def varied(images):
    """Mirrored, moved by up to four pixels, a square of 8 pixels grey."""
    n = len(images)
    images = torch.where((torch.rand(n) < 0.5)[:, None, None, None], images.flip(3), images).float()
    padded = F.pad(images, (4, 4, 4, 4), mode="reflect")
    y, x = torch.randint(0, 9, (2, n))
    rows = (y[:, None] + torch.arange(32))[:, None, :, None]
    columns = (x[:, None] + torch.arange(32))[:, None, None, :]
    images = padded[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns]
    cy, cx = torch.randint(0, 32, (2, n, 1))
    line = torch.arange(32)
    hidden = ((line - cy).abs() < 4)[:, None, :, None] & ((line - cx).abs() < 4)[:, None, None, :]
    return torch.where(hidden, torch.tensor(120.0), images)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--relu", action="store_true")
    parser.add_argument("--fast", action="store_true", help="compiled and in bfloat16 but for the last epoch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", type=pathlib.Path)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    images, labels, numbers = read(options.data / "train.tar", CLASSES)
    train, choice = numbers < TRAINED_BELOW, numbers >= TRAINED_BELOW
    stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
    widths, strides = (16, 16, 16, 32, 32, 32, 64, 64, 64), (1, 1, 1, 2, 1, 1, 2, 1, 1)
    model = ResidualNetwork(stem, widths, strides, len(CLASSES)).to(memory_format=torch.channels_last)
    chosen = images[choice], labels[choice]
    quadratic.train(
        model, normalised, varied, images[train], labels[train], chosen,
        epochs=options.epochs, batch=BATCH, rate=RATE, rising=0.2, smoothing=0.0, relu=options.relu, fast=options.fast,
        checkpoint=options.checkpoint,
    )
    file = OnnxFile()
    add_residual_network(file, model, add_normalised(file, MEAN, DEVIATION), options.relu)
    file.write(options.out, "resnet20", [3, 32, 32], len(CLASSES), CLASSES)
    report(model, normalised, options.epochs, chosen, read(options.data / "test.tar", CLASSES)[:2])


if __name__ == "__main__":
    main()
