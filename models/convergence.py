"""Train one net with and without batch normalization and draw what it buys.

    python models/convergence.py

Writes `docs/images/convergence.svg` and `convergence.json` with every number drawn. The two nets share
initial weights, order of images and learning rate; the one without BN has a bias in each convolution instead.
"""

import argparse
import json
import math
from pathlib import Path

import digits
import torch
from convergence_chart import draw
from torch import nn
from torch.nn import functional as F

from bnfold.zoo import resnet20

LEARNING_RATES = (0.001, 0.01, 0.1)
SEEDS = (0, 1, 2)
EPOCHS = 30
BATCHES = 23
IMAGES = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Train all nets, write the numbers and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=IMAGES, help="folder for the SVG and the JSON")
    folder = parser.parse_args().output

    # One thread adds in one order, so the curves do not depend on the number of cores.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    train_split, test_split = digits.load()
    runs = [
        {
            "batch_norm": batch_norm,
            "learning_rate": rate,
            "seed": seed,
            **curve(train_split, test_split, rate, seed, batch_norm=batch_norm),
        }
        for rate in LEARNING_RATES
        for batch_norm in (True, False)
        for seed in SEEDS
    ]
    record = {
        "net": "resnet20, in_channels=1",
        "data": "scikit-learn load_digits",
        "optimizer": "SGD, momentum 0.9, constant learning rate",
        "batches_per_epoch": BATCHES,
        "torch": torch.__version__,
        "runs": runs,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "convergence.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    draw(runs, folder / "convergence.svg")


def curve(
    train: digits.Split, test: digits.Split, rate: float, seed: int, *, batch_norm: bool
) -> dict[str, list[float | None]]:
    """Return mean training loss and held-out error of each epoch; None where the loss is not finite."""
    torch.manual_seed(seed)
    model = resnet20(num_classes=10, in_channels=1)
    if not batch_norm:
        replace_norms_by_biases(model)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    losses: list[float | None] = []
    errors: list[float | None] = []
    for _ in range(EPOCHS):
        loss = _epoch(model, train, optimizer, generator)
        finite = math.isfinite(loss)
        losses.append(round(loss, 6) if finite else None)
        errors.append(round(_error(model, test), 6) if finite else None)
    return {"training_loss": losses, "held_out_error": errors}


def replace_norms_by_biases(model: nn.Module) -> None:
    """Take every BN out of a v1 net, in place, and give every convolution a bias of zero."""
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d):
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())


def _epoch(
    model: nn.Module, split: digits.Split, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> float:
    model.train()
    order = torch.randperm(len(split.images), generator=generator)
    total = 0.0
    for chosen in order.chunk(BATCHES):
        images = digits.shifted(split.images[chosen], generator)
        loss = F.cross_entropy(model(images), split.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
    return total / len(order)


@torch.no_grad()
def _error(model: nn.Module, split: digits.Split) -> float:
    model.eval()
    return (model(split.images).argmax(1) != split.labels).float().mean().item()


if __name__ == "__main__":
    main()
