#!/usr/bin/env python3
"""Writes the networks of the tests as PyTorch exports them, with an image and PyTorch's scores for it.

    pip install torch onnx onnxscript
    python3 crates/nets/tests/data/make.py
"""

import json
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


class Quadratic(nn.Module):
    """What can be evaluated on encrypted images."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.dense = nn.Linear(4 * 2 * 2, 5)

    def forward(self, x):
        x = self.norm(self.first(x)) ** 2
        x = F.avg_pool2d(self.second(x), 2)
        x = x * x
        return self.dense(torch.flatten(x, 1))


class Residual(nn.Module):
    """What can be evaluated in the clear."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.norm = nn.BatchNorm2d(8)
        self.point = nn.Conv2d(8, 6, 1)
        self.dense = nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.stem(F.pad(x - 0.5, (1, 0, 2, 1))))
        x = F.relu(self.norm(self.grouped(x)) + x)
        x = F.avg_pool2d(self.point(x), 3, stride=2, padding=1, count_include_pad=False)
        x = F.adaptive_avg_pool2d(x, 1)
        return self.dense(x.view(1, -1)) / 2.0


class Polynomial(nn.Module):
    """c0 + c1 z + c2 z^2 for each channel, after a batch norm."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.coefficients = nn.Parameter(torch.randn(3, channels, 1, 1) / 2)

    def forward(self, x):
        z = self.norm(x)
        c0, c1, c2 = self.coefficients
        return (c2 * z + c1) * z + c0


class Deep(nn.Module):
    """A residual network that can be evaluated on encrypted images."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 5, stride=2, padding=2, bias=False)
        self.first = nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(4, 6, 1, stride=2, bias=False)
        self.activations = nn.ModuleList(Polynomial(c) for c in (4, 6, 6))
        self.dense = nn.Linear(6, 3)

    def forward(self, x):
        x = (x - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor([0.2, 0.3, 0.4])[:, None, None]
        x = self.activations[0](self.stem(x))
        h = self.activations[1](self.first(x))
        x = self.activations[2](self.second(h) + self.shortcut(x))
        return self.dense(x.mean((2, 3)))


def write(name, network, shape):
    torch.manual_seed(len(name))
    model = network()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in [module.weight, module.bias, module.running_mean]:
                nn.init.uniform_(value, 0.5, 1.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    model.eval()
    image = torch.rand(1, *shape)
    torch.onnx.export(
        model,
        (image,),
        HERE / f"{name}.onnx",
        input_names=["image"],
        output_names=["scores"],
        opset_version=18,
        external_data=False,
        verbose=False,
    )
    with torch.no_grad():
        scores = model.double()(image.double())
    case = {"image": image.flatten().tolist(), "scores": scores.flatten().tolist()}
    (HERE / f"{name}.json").write_text(json.dumps(case) + "\n")


if __name__ == "__main__":
    write("quadratic", Quadratic, (1, 8, 8))
    write("residual", Residual, (3, 12, 10))
    write("deep", Deep, (3, 16, 16))
