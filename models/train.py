"""Train one of the small checkpoints on handwritten digits, and write its card.

    python models/train.py resnet20 -o models/resnet20_digits.pt
    python models/train.py resnet20v2 -o models/resnet20v2_digits.pt

Writes the checkpoint, the held-out split `digits_test.npz` and a model card beside it. Every number in the
card comes from this run.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import digits
import torch
from card import write_card
from torch import Tensor, nn
from torch.nn import functional as F

from bnfold.zoo import ARCHITECTURES


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, besides the data and the version of torch."""

    seed: int = 0
    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    smallest_gamma: float = 0.1
    largest_ratio: float = 4.0


def main() -> None:
    """Read the command line, train, evaluate on the held-out split, write the files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    architectures = [name for name in ARCHITECTURES if name.startswith("resnet20")]
    parser.add_argument("architecture", choices=architectures)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the checkpoint to write")
    arguments = parser.parse_args()

    recipe = Recipe()
    train_split, test_split = digits.load()
    model = train(ARCHITECTURES[arguments.architecture], train_split, recipe)

    torch.save(
        {
            "state_dict": model.state_dict(),
            "arch": arguments.architecture,
            "input_shape": digits.INPUT_SHAPE,
        },
        arguments.output,
    )
    digits.save_held_out(arguments.output.with_name("digits_test.npz"), test_split)
    card = write_card(arguments.output, arguments.architecture, recipe, train_split, test_split)
    print(f"{arguments.output}: card in {card}")


def train(build: Callable[..., nn.Module], split: digits.Split, recipe: Recipe) -> nn.Module:
    """Return the net after the last epoch, in eval mode; nothing is chosen by its held-out accuracy."""
    # One thread adds in one order, so the weights do not depend on the number of cores.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(recipe.seed)
    model = build(num_classes=10, in_channels=1)
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.SGD(
        _parameter_groups(model, recipe.weight_decay),
        lr=recipe.learning_rate,
        momentum=0.9,
        nesterov=True,
    )
    batches = -(-len(split.images) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=recipe.learning_rate,
        total_steps=recipe.epochs * batches,
        pct_start=0.2,
        cycle_momentum=False,
    )
    model.train()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(split.images), generator=generator)
        for chosen in order.chunk(batches):
            images = digits.shifted(split.images[chosen], generator)
            loss = F.cross_entropy(model(images), split.labels[chosen], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            keep_foldable(model, recipe.smallest_gamma, recipe.largest_ratio)
    return model.eval()


@torch.no_grad()
def keep_foldable(model: nn.Module, smallest_gamma: float, largest_ratio: float) -> None:
    """Project every BN onto gamma >= smallest_gamma and |beta| <= largest_ratio * gamma.

    A BN in front of a ReLU folds by rescaling the ReLU's input, which only a positive gamma allows, and by
    moving beta / gamma into the neighbours, which costs accuracy when it dwarfs the activations.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.clamp_(min=smallest_gamma)
            limit: Tensor = module.weight * largest_ratio
            module.bias.clamp_(min=-limit, max=limit)


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Decay weights of convolutions and of the classifier; gammas, betas and biases go free."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    free = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


if __name__ == "__main__":
    main()
