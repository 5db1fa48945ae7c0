"""Layers with polynomials of degree 2 as activations, their training and their export, for the scripts beside this one.

Every activation is a polynomial for each channel, after batch normalisation (AESPA: Park, Kim, Jung, Kim, 2022). Squares
of squares of large values would drown the rest, so the activations are ReLU at first and become polynomials over the
first epochs, and normalised values beyond 4 are penalised (Baruch et al., 2023).
"""

import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

# What the squares of normalised values' excess over this bound cost.
BOUND, EXCESS_COST = 4.0, 0.1


class Quadratic(nn.Module):
    """c0 + c1 z + c2 z^2 for each channel of normalised values, in the basis of Hermite polynomials; begins as ReLU's
    projection on degree 2 under the normal distribution, with half of the square."""

    # The polynomial's share; the rest is ReLU. Between 0 and 1 it is a tensor, so that compiled code stays valid.
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
            self.excess = F.relu(z.float().abs() - BOUND).square().mean()
        c0, c1, c2 = (c[:, None, None] for c in self.coefficients())
        share = Quadratic.share
        if not torch.is_tensor(share) and share == 0:
            return F.relu(z)
        polynomial = (c2 * z + c1) * z + c0
        return torch.lerp(F.relu(z).to(polynomial.dtype), polynomial, share) if torch.is_tensor(share) else polynomial


class Block(nn.Module):
    """Two convolutions of 3 x 3 beside a shortcut, which is a convolution of 1 x 1 where the shape changes."""

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


class ResidualNetwork(nn.Module):
    """A stem, residual blocks and a dense layer on the means of the last maps."""

    def __init__(self, stem, widths, strides, classes, dropout=0.0):
        super().__init__()
        self.stem, self.dropout = stem, dropout
        self.stem_activation = Quadratic(stem.out_channels)
        before = (stem.out_channels, *widths)
        self.blocks = nn.Sequential(*(Block(b, a, s) for b, a, s in zip(before, widths, strides)))
        self.means = nn.BatchNorm1d(widths[-1], affine=False)
        self.scores = nn.Linear(widths[-1], classes)

    def forward(self, x):
        h = self.blocks(self.stem_activation(self.stem(x))).mean((2, 3))
        return self.scores(F.dropout(self.means(h), self.dropout, self.training))


@torch.no_grad()
def accuracy(model, prepare, images, labels):
    """The part of the images, prepared as the model takes them, that it labels rightly."""
    model.eval()
    found = torch.cat([model(prepare(part)).argmax(1) for part in images.split(256)])
    model.train()
    return (found == labels).float().mean().item()


def train(model, prepare, vary, images, labels, choice, *, epochs, batch, rate, rising=0.15, mixed_epochs=2, smoothing=0.05, relu=False, fast=False, checkpoint=None):
    """Trains on images and labels, of which `choice` is held back and looked at after each epoch. The step length rises to
    `rate` over the part `rising` of the training and falls after it. `mixed_epochs` is after how many the activations are
    polynomials alone; with `relu` they stay ReLU. `fast` compiles the network and computes in bfloat16 but for the last
    epoch. A training that was stopped goes on where `checkpoint`, a file, is."""
    chosen, chosen_labels = choice
    batches = len(images) // batch
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * batches, pct_start=rising)
    first, start = 0, time.time()
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        for part, of in [(model, "model"), (optimizer, "optimizer"), (schedule, "schedule")]:
            part.load_state_dict(state[of])
        torch.set_rng_state(state["random"])
        first = state["epoch"]
    activations = [part for part in model.modules() if isinstance(part, Quadratic)]
    compiled = torch.compile(model) if fast else model
    for epoch in range(first, epochs):
        total, left_out, quick = 0.0, 0, fast and epoch + 1 < epochs
        network = compiled if quick else model
        for step, part in enumerate(torch.randperm(len(images)).split(batch)[:batches], epoch * batches):
            share = step / (mixed_epochs * batches) if mixed_epochs else 1.0
            Quadratic.share = 0.0 if relu else 1.0 if share >= 1 else torch.tensor(share)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=quick):
                scores = network(prepare(vary(images[part])))
            loss = F.cross_entropy(scores.float(), labels[part], label_smoothing=smoothing)
            optimizer.zero_grad()
            excess = 0.0 if relu else sum(part.excess for part in activations)
            (loss + EXCESS_COST * excess).backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            # Squares of squares of one unusual batch may overflow: it is left out, and counted.
            if norm.isfinite():
                optimizer.step()
                total += loss.item()
            else:
                left_out += 1
            schedule.step()
        right = accuracy(model, prepare, chosen, chosen_labels)
        overflows = f", {left_out} batches left out" if left_out else ""
        print(f"epoch {epoch + 1}: loss {total / max(batches - left_out, 1):.4f}, validation {right:.4f}, {time.time() - start:.0f} s{overflows}", flush=True)
        if checkpoint:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            state |= {"random": torch.get_rng_state(), "epoch": epoch + 1}
            torch.save(state, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    model.eval()


def report(model, prepare, epochs, choice, test):
    """Prints the accuracy on the images for choices, and on the test images."""
    validation, held_out = (accuracy(model, prepare, *part) for part in (choice, test))
    print(json.dumps({"epochs": epochs, "validation": validation, "test": held_out}))


def by_channel(values):
    return values.detach().double()[None, :, None, None]


def normalisation(norm):
    """Factor and shift of a batch normalisation, for each channel."""
    scale = 1 / (norm.running_var.double() + norm.eps).sqrt()
    return scale, -norm.running_mean.double() * scale


def add_normalised(file, mean, deviation):
    """Nodes that normalise the pixels, which come in from 0 to 1."""
    values = lambda v: torch.tensor(v)[None, :, None, None]
    x = file.node("Sub", ["image", file.constant("mean", values(mean))], "centred")
    return file.node("Div", [x, file.constant("deviation", values(deviation))], "normalised")


def add_convolution(file, layer, x, name, bias, scale):
    """The layer with its outputs multiplied by `scale` and moved by `bias`, one of each for each channel."""
    weight = file.constant(f"{name}.weight", layer.weight.detach().double() * scale[:, None, None, None])
    inputs = [x, weight] + ([file.constant(f"{name}.bias", bias)] if bias is not None else [])
    (sy, sx), (py, px) = layer.stride, layer.padding
    return file.node("Conv", inputs, name, strides=[sy, sx], pads=[py, px, py, px])


def add_activation(file, activation, x, name, relu=False):
    """The polynomial of normalised values, or ReLU."""
    if relu:
        return file.node("Relu", [x], name)
    c0, c1, c2 = (by_channel(c) for c in activation.coefficients())
    inner = file.node("Mul", [x, file.constant(f"{name}.c2", c2)], f"{name}.times-c2")
    inner = file.node("Add", [inner, file.constant(f"{name}.c1", c1)], f"{name}.plus-c1")
    inner = file.node("Mul", [inner, x], f"{name}.times-x")
    return file.node("Add", [inner, file.constant(f"{name}.c0", c0)], name)


def add_residual_network(file, model, x, relu=False):
    """Convolutions, and for each activation its coefficients by channel, with the normalisation folded into them."""
    activation = lambda activation, x, name: add_activation(file, activation, x, name, relu)
    scale, bias = normalisation(model.stem_activation.norm)
    x = activation(model.stem_activation, add_convolution(file, model.stem, x, "stem", bias, scale), "stem-activation")
    for i, block in enumerate(model.blocks, 1):
        scale, bias = normalisation(block.first_activation.norm)
        h = add_convolution(file, block.first, x, f"block{i}.first", bias, scale)
        h = activation(block.first_activation, h, f"block{i}.first-activation")
        scale, bias = normalisation(block.second_activation.norm)
        h = add_convolution(file, block.second, h, f"block{i}.second", bias, scale)
        if block.shortcut is None:
            x = file.node("Mul", [x, file.constant(f"block{i}.scale", by_channel(scale))], f"block{i}.shortcut")
        else:
            x = add_convolution(file, block.shortcut, x, f"block{i}.shortcut", None, scale)
        x = activation(block.second_activation, file.node("Add", [h, x], f"block{i}.sum"), f"block{i}")
    x = file.node("Flatten", [file.node("GlobalAveragePool", [x], "means")], "flat")
    add_scores(file, model.scores, model.means, x)


def add_scores(file, layer, norm, x):
    """A dense layer on normalised values."""
    scale, bias = normalisation(norm)
    weight = layer.weight.detach().double()
    file.constant("scores.weight", weight * scale)
    file.constant("scores.bias", layer.bias.detach().double() + weight @ bias)
    file.node("Gemm", [x, "scores.weight", "scores.bias"], "scores", transB=1)
