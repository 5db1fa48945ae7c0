"""Images of 28 x 28 grey pixels in IDX files, for the training scripts beside this one."""

import gzip

import numpy as np
import torch
from torch.nn import functional as F


def read(data, name):
    """An IDX file: a big-endian header, then unsigned bytes."""
    raw = gzip.decompress((data / name).read_bytes())
    dimensions = raw[3]
    shape = np.frombuffer(raw, ">u4", dimensions, 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())


def scaled(images):
    """One channel, from 0 to 1."""
    return images.float().div(255).unsqueeze(1)


def training_set(data, held_back):
    """Images and labels in random order, since some copies are sorted by label; the last `held_back` are for choices."""
    images = read(data, "train-images-idx3-ubyte.gz")
    labels = read(data, "train-labels-idx1-ubyte.gz").long()
    order = torch.randperm(len(images))
    images, labels = images[order], labels[order]
    return (images[:-held_back], labels[:-held_back]), (images[-held_back:], labels[-held_back:])


def test_set(data):
    return read(data, "t10k-images-idx3-ubyte.gz"), read(data, "t10k-labels-idx1-ubyte.gz").long()


def shifted(images):
    """Each eighth of the images moved by up to two pixels along each axis."""
    parts = F.pad(images, (2, 2, 2, 2)).chunk(8)
    moves = torch.randint(0, 5, (8, 2)).tolist()
    return torch.cat([part[:, :, y : y + 28, x : x + 28] for part, (y, x) in zip(parts, moves)])
