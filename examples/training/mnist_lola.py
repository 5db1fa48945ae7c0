#!/usr/bin/env python3
"""Trains the network of data/networks/mnist-lola.onnx.

A convolution of 5 x 5 with stride 2 and 5 maps, a square, a dense layer of 100, a square, a dense layer of 10:
the shape of CryptoNets (Gilad-Bachrach et al., 2016) and LoLa (Brutzkus, Elisha, Gilad-Bachrach, 2019).

    pip install torch onnx
    python3 examples/training/mnist_lola.py --data DIR --out data/networks/mnist-lola.onnx

DIR has the four files of MNIST as they are distributed (train-images-idx3-ubyte.gz, ...). The seed is fixed, one
thread is used, and the last epoch is the one that is kept: 5,000 of the training images are for choices of the recipe,
and the test images are looked at once, at the end. Some minutes on one core.
"""

import argparse
import pathlib
import time

import torch
from torch import nn
from torch.nn import functional as F

from idx import scaled, shifted, test_set, training_set
from onnx_file import OnnxFile
from quadratic import accuracy, report

SEED = 20261130
MAPS, HIDDEN, CLASSES = 5, 100, 10
VALIDATION = 5_000
BATCH = 256
RATE = 3e-3


class Square(nn.Module):
    def forward(self, x):
        return x * x


def network():
    return nn.Sequential(
        nn.Conv2d(1, MAPS, 5, stride=2, padding=2),
        Square(),
        nn.Flatten(),
        nn.Linear(MAPS * 14 * 14, HIDDEN),
        Square(),
        nn.Linear(HIDDEN, CLASSES),
    )


@torch.no_grad()
def initialise(model, images):
    """Each layer's outputs have standard deviation 1 for these images: squares of small numbers would vanish."""
    x = images
    for layer in model:
        if hasattr(layer, "weight"):
            layer.bias.zero_()
            layer.weight /= layer(x).std()
        x = layer(x)


def export(model, path):
    conv, _, _, dense, _, last = model
    file = OnnxFile()

    def read(layer, name):
        """The names of the layer's weights and bias."""
        return [file.constant(f"{name}.{part}", getattr(layer, part)) for part in ["weight", "bias"]]

    x = file.node("Conv", ["image", *read(conv, "conv")], "conv", strides=[2, 2], pads=[2, 2, 2, 2])
    x = file.node("Flatten", [file.node("Mul", [x, x], "square1")], "flat")
    x = file.node("Gemm", [x, *read(dense, "dense")], "dense", transB=1)
    x = file.node("Mul", [x, x], "square2")
    file.node("Gemm", [x, *read(last, "scores")], "scores", transB=1)
    file.write(path, "mnist-lola", [1, 28, 28], CLASSES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    (images, labels), choice = training_set(options.data, VALIDATION)
    images = scaled(images)

    model = network()
    initialise(model, images[:2000])
    steps = options.epochs * (len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.2)
    start = time.time()
    for epoch in range(options.epochs):
        total = 0.0
        for part in torch.randperm(len(images)).split(BATCH):
            if len(part) < BATCH:
                continue
            loss = F.cross_entropy(model(shifted(images[part])), labels[part])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        right = accuracy(model, scaled, *choice)
        mean = total / (len(images) // BATCH)
        print(f"epoch {epoch + 1}: loss {mean:.4f}, validation {right:.4f}, {time.time() - start:.0f} s", flush=True)

    export(model, options.out)
    report(model, scaled, options.epochs, choice, test_set(options.data))


if __name__ == "__main__":
    main()
