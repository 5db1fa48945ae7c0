"""Photographs in an archive of JPEGs, for the training scripts beside this one."""

import io
import tarfile

import numpy as np
import torch


def read(archive, classes):
    """The photographs named `.../CLASS/NUMBER.jpg` as bytes (N, 3, height, width), their labels and their numbers."""
    from PIL import Image

    images, labels, numbers = [], [], []
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            if member.isfile() and member.name.endswith(".jpg"):
                kind, number = member.name.removesuffix(".jpg").split("/")[-2:]
                picture = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
                images.append(np.asarray(picture).transpose(2, 0, 1))
                labels.append(classes.index(kind))
                numbers.append(int(number))
    return torch.from_numpy(np.stack(images)), torch.tensor(labels), torch.tensor(numbers)


def normaliser(mean, deviation):
    """Bytes as the network takes them, after the nodes that normalise."""
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (mean, deviation))
    return lambda images: ((images.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)
