"""The data of the small models: scikit-learn's handwritten digits, split once and for all.

1,797 images of 8x8 pixels with values 0..16. Divided by 16 they lie in [0, 1] exactly, in float32 too.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional as F

TEST_SHARE = 0.2
SPLIT_SEED = 0
INPUT_SHAPE = [1, 1, 8, 8]


@dataclass(frozen=True)
class Split:
    """Images (N, 1, 8, 8) float32 in [0, 1] and labels (N,) int64."""

    images: Tensor
    labels: Tensor


def load() -> tuple[Split, Split]:
    """Return the training and the held-out split, stratified by class, the same at every call."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    labels = labels.astype(np.int64)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=TEST_SHARE, random_state=SPLIT_SEED, stratify=labels
    )
    return (
        Split(torch.from_numpy(train_x), torch.from_numpy(train_y)),
        Split(torch.from_numpy(test_x), torch.from_numpy(test_y)),
    )


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return each image moved by -1, 0 or 1 pixel along both axes; the background moves in."""
    padded = F.pad(images, (1, 1, 1, 1))
    rows, columns = torch.randint(0, 3, (2, len(images), 1), generator=generator)
    span = torch.arange(8)
    return padded[torch.arange(len(images))[:, None, None], 0, (rows + span)[:, :, None], (columns + span)[:, None]][
        :, None
    ]


def save_held_out(path: Path, split: Split) -> None:
    """Write the held-out split as `input` (N, 1, 8, 8) float32 and `labels` (N,) int64."""
    np.savez_compressed(path, input=split.images.numpy(), labels=split.labels.numpy())
