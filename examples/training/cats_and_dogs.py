#!/usr/bin/env python3
"""Trains the network of data/networks/cats-and-dogs.onnx: cat or dog on a photograph of 64 x 64 pixels.

A stem, four residual blocks and a dense layer on the means of the last maps; every activation is a polynomial of
degree 2 for each channel, after batch normalisation (AESPA: Park, Kim, Jung, Kim, 2022). Nine convolutions with an
activation each and the dense layer take 19 levels: no bootstrapping. Squares of squares of large values would drown
the rest, so the activations are ReLU at first and become polynomials over the first epochs, and normalised values
beyond 4 are penalised (Baruch et al., 2023).

    pip install torch onnx pillow
    python3 examples/training/cats_and_dogs.py --data photographs.tar --out data/networks/cats-and-dogs.onnx

The archive holds JPEGs of 64 x 64 pixels as `cat/00000.jpg` and `dog/00000.jpg`: numbers below 8,100 are trained on,
those up to 8,999 are for choices, 9,000 to 9,999 are looked at once, at the end. The seed is fixed and one thread is
used. With `--checkpoint FILE` a training that was stopped goes on where it was. A minute or two an epoch on one core.
"""

import argparse
import io
import json
import math
import pathlib
import tarfile
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from onnx_file import OnnxFile

SEED = 20261130
TRAINED_BELOW, CHOSEN_BELOW = 8_100, 9_000
BATCH = 64
RATE = 2e-3
# The activations are polynomials alone from this epoch on.
MIXED_EPOCHS = 2
# What the squares of normalised values' excess over this bound cost.
BOUND, EXCESS_COST = 4.0, 0.1
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES = ["cat", "dog"]


def read(archive):
    """The photographs as bytes (N, 3, 64, 64), their labels and their numbers."""
    from PIL import Image

    images, labels, numbers = [], [], []
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            if member.isfile() and member.name.endswith(".jpg"):
                kind, number = member.name.removesuffix(".jpg").split("/")[-2:]
                picture = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
                images.append(np.asarray(picture).transpose(2, 0, 1))
                labels.append(CLASSES.index(kind))
                numbers.append(int(number))
    return torch.from_numpy(np.stack(images)), torch.tensor(labels), torch.tensor(numbers)


class Quadratic(nn.Module):
    """c0 + c1 z + c2 z^2 for each channel of normalised values, in the basis of Hermite polynomials; begins as ReLU's
    projection on degree 2 under the normal distribution, with half of the square."""

    # The polynomial's share; the rest is ReLU.
    share = 1.0

    def __init__(self, channels):
        super().__init__()
        self.excess = 0.0
        self.norm = nn.BatchNorm2d(channels, affine=False)
        start = torch.tensor([1 / math.sqrt(2 * math.pi), 0.5, 0.5 / math.sqrt(4 * math.pi)])
        self.hermite = nn.Parameter(start[:, None].repeat(1, channels))

    def coefficients(self):
        """c0, c1, c2 of the powers of z."""
        h0, h1, h2 = self.hermite
        return h0 - h2 / math.sqrt(2), h1, h2 / math.sqrt(2)

    def forward(self, x):
        z = self.norm(x)
        if self.training:
            self.excess = F.relu(z.abs() - BOUND).square().mean()
        c0, c1, c2 = (c[:, None, None] for c in self.coefficients())
        polynomial = (c2 * z + c1) * z + c0
        return polynomial if Quadratic.share == 1 else polynomial.lerp(F.relu(z), 1 - Quadratic.share)


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_activation = Quadratic(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False) if (before, stride) != (after, 1) else None
        self.second_activation = Quadratic(after)

    def forward(self, x):
        h = self.second(self.first_activation(self.first(x)))
        return self.second_activation(h + (self.shortcut(x) if self.shortcut else x))


class Network(nn.Module):
    def __init__(self, widths=(16, 64, 128, 128), strides=(1, 2, 2, 2)):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 5, 2, 2, bias=False)
        self.stem_activation = Quadratic(widths[0])
        before = (widths[0], *widths)
        self.blocks = nn.Sequential(*(Block(b, a, s) for b, a, s in zip(before, widths, strides)))
        self.means = nn.BatchNorm1d(widths[-1], affine=False)
        self.scores = nn.Linear(widths[-1], len(CLASSES))

    def forward(self, x):
        h = self.blocks(self.stem_activation(self.stem(x))).mean((2, 3))
        return self.scores(F.dropout(self.means(h), 0.2, self.training))

    def excess(self):
        return sum(part.excess for part in self.modules() if isinstance(part, Quadratic))


def normalised(images):
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    return ((images.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)


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


@torch.no_grad()
def accuracy(model, images, labels):
    model.eval()
    found = torch.cat([model(normalised(part)).argmax(1) for part in images.split(256)])
    model.train()
    return (found == labels).float().mean().item()


def export(model, path):
    """As an ONNX file of operator set 13: convolutions, and for each activation its coefficients by channel, with the
    normalisation folded into them. The pixels come in from 0 to 1; the first node normalises them."""
    file = OnnxFile()
    constant, node = file.constant, file.node
    def convolution(layer, x, name, bias, scale):
        """The layer with its outputs multiplied by `scale` and moved by `bias`, one of each for each channel."""
        weight = constant(f"{name}.weight", layer.weight.detach().double() * scale[:, None, None, None])
        inputs = [x, weight] + ([constant(f"{name}.bias", bias)] if bias is not None else [])
        (sy, sx), (py, px) = layer.stride, layer.padding
        return node("Conv", inputs, name, strides=[sy, sx], pads=[py, px, py, px])

    def normalisation(norm):
        scale = 1 / (norm.running_var.double() + norm.eps).sqrt()
        return scale, -norm.running_mean.double() * scale

    def by_channel(values):
        return values.detach().double()[None, :, None, None]

    def quadratic(activation, x, name):
        c0, c1, c2 = activation.coefficients()
        inner = node("Mul", [x, constant(f"{name}.c2", by_channel(c2))], f"{name}.times-c2")
        inner = node("Add", [inner, constant(f"{name}.c1", by_channel(c1))], f"{name}.plus-c1")
        inner = node("Mul", [inner, x], f"{name}.times-x")
        return node("Add", [inner, constant(f"{name}.c0", by_channel(c0))], name)

    x = node("Sub", ["image", constant("mean", np.array(MEAN)[None, :, None, None])], "centred")
    x = node("Div", [x, constant("deviation", np.array(DEVIATION)[None, :, None, None])], "normalised")
    scale, bias = normalisation(model.stem_activation.norm)
    x = quadratic(model.stem_activation, convolution(model.stem, x, "stem", bias, scale), "stem-activation")
    for i, block in enumerate(model.blocks, 1):
        scale, bias = normalisation(block.first_activation.norm)
        h = quadratic(block.first_activation, convolution(block.first, x, f"block{i}.first", bias, scale), f"block{i}.first-activation")
        scale, bias = normalisation(block.second_activation.norm)
        h = convolution(block.second, h, f"block{i}.second", bias, scale)
        if block.shortcut is None:
            x = node("Mul", [x, constant(f"block{i}.scale", by_channel(scale))], f"block{i}.shortcut")
        else:
            x = convolution(block.shortcut, x, f"block{i}.shortcut", None, scale)
        x = quadratic(block.second_activation, node("Add", [h, x], f"block{i}.sum"), f"block{i}")
    x = node("Flatten", [node("GlobalAveragePool", [x], "means")], "flat")
    scale, bias = normalisation(model.means)
    weight = model.scores.weight.detach().double()
    constant("scores.weight", weight * scale)
    constant("scores.bias", model.scores.bias.detach().double() + weight @ bias)
    node("Gemm", [x, "scores.weight", "scores.bias"], "scores", transB=1)

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
    images, labels, numbers = read(options.data)
    train, choice, test = numbers < TRAINED_BELOW, (numbers >= TRAINED_BELOW) & (numbers < CHOSEN_BELOW), numbers >= CHOSEN_BELOW

    model = Network().to(memory_format=torch.channels_last)
    batches = int(train.sum()) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=options.epochs * batches, pct_start=0.15)
    first = 0
    if options.checkpoint and options.checkpoint.exists():
        state = torch.load(options.checkpoint, weights_only=True)
        for part, of in [(model, "model"), (optimizer, "optimizer"), (schedule, "schedule")]:
            part.load_state_dict(state[of])
        torch.set_rng_state(state["random"])
        first = state["epoch"]

    start = time.time()
    for epoch in range(first, options.epochs):
        total = 0.0
        parts = train.nonzero()[:, 0][torch.randperm(int(train.sum()))].split(BATCH)[:batches]
        for step, part in enumerate(parts, epoch * batches):
            Quadratic.share = min(1.0, step / (MIXED_EPOCHS * batches))
            loss = F.cross_entropy(model(normalised(varied(images[part]))), labels[part], label_smoothing=0.05)
            optimizer.zero_grad()
            (loss + EXCESS_COST * model.excess()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        right = accuracy(model, images[choice], labels[choice])
        print(f"epoch {epoch + 1}: loss {total / batches:.4f}, validation {right:.4f}, {time.time() - start:.0f} s", flush=True)
        if options.checkpoint:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            state |= {"random": torch.get_rng_state(), "epoch": epoch + 1}
            torch.save(state, options.checkpoint.with_suffix(".new"))
            options.checkpoint.with_suffix(".new").replace(options.checkpoint)

    model.eval()
    export(model, options.out)
    result = {
        "epochs": options.epochs,
        "validation": accuracy(model, images[choice], labels[choice]),
        "test": accuracy(model, images[test], labels[test]),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
