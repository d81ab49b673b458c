"""Writes a model card; every figure in it is measured here, on the file that was just saved."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from digits import SPLIT_SEED, Split
from torch import nn

from bnfold.zoo import recognize

if TYPE_CHECKING:
    from train import Recipe

_TEMPLATE = """\
# {title}

Written by `models/train.py`; do not edit by hand.

| | |
|---|---|
| held-out accuracy | **{accuracy:.2%}** ({correct} of {held_out}) |
| training accuracy, without shifts | {train_accuracy:.2%} |
| parameters | {parameters:,} |
| file | `{file}`, {size:,} bytes |
| input | (N, 1, 8, 8) float32, pixels divided by 16, so in [0, 1] |
| output | (N, 10) scores, one per digit; no softmax |

## Net

{description}
Built by `bnfold.zoo.{arch}(num_classes=10, in_channels=1)`. The file is a dictionary of `state_dict`, `arch`
and `input_shape`, readable with `torch.load(..., weights_only=True)`.

## Data

scikit-learn's `load_digits`: {total:,} handwritten digits, 8x8 pixels, 16 grey levels. It is the test part of
the UCI set "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, 1998), licensed CC BY 4.0
by the UCI repository. Split once, stratified by class, with seed {split_seed}: {trained:,} images for
training, {held_out} held out and kept in `digits_test.npz` (`input`, `labels`). The held-out images chose
nothing: the weights are those after the last epoch.

## Training

SGD with Nesterov momentum 0.9 and a one-cycle learning rate; weight decay on convolutions and classifier
only; every image moved by up to one pixel at each visit. One CPU thread, torch {torch}.

| setting | value |
|---|---|
{settings}

After each step every BN is projected onto `gamma >= smallest_gamma` and `|beta| <= largest_ratio * gamma`;
{bound} of {channels:,} channels ended on such a bound. The projection guarantees that every BN can be folded:
a gamma of zero has no inverse, gammas of both signs on one residual stream contradict each other behind their
ReLUs, and a huge beta / gamma costs digits when it moves into a neighbour. Nets trained without it need not
be so kind, and bnfold says which of their BNs stay.

## Batch normalizations

Over all {channels:,} channels of {bns} layers. The last row is where ReLU's threshold lies, counted in
standard deviations from the mean of the BN's input: the shift that folding moves into the neighbours.

| | smallest | median | largest |
|---|---|---|---|
{statistics}

## Limits

A demonstration on a toy problem, tested on {held_out} images, so one image is {one:.2%} of accuracy. The
writers of training and held-out images overlap. Not for reading real digits.

## Reproduce

```bash
python models/train.py {arch} -o models/{file}
```

Same seed, torch build and CPU kind give the same weights; other builds give others of like accuracy.
"""

_DESCRIPTIONS = {
    "resnet20": "ResNet-20 (v1): 3-3-3 basic blocks of 16, 32 and 64 planes, BN behind every convolution.",
    "resnet20v2": "Pre-activation ResNet-20 (v2): 3-3-3 basic blocks of 16, 32 and 64 planes, BN and ReLU\n"
    "before every convolution but the first, one more BN after the last block.",
}


def write_card(checkpoint: Path, arch: str, recipe: "Recipe", train: Split, test: Split) -> Path:
    """Measure the saved checkpoint, write `<checkpoint>.md` beside it and return that path."""
    model = recognize(torch.load(checkpoint, weights_only=True))
    correct = _correct(model, test)
    path = checkpoint.with_suffix(".md")
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    path.write_text(
        _TEMPLATE.format(
            title=checkpoint.stem,
            accuracy=correct / len(test.labels),
            correct=correct,
            held_out=len(test.labels),
            one=1 / len(test.labels),
            train_accuracy=_correct(model, train) / len(train.labels),
            trained=len(train.labels),
            total=len(train.labels) + len(test.labels),
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            file=checkpoint.name,
            size=checkpoint.stat().st_size,
            arch=arch,
            description=_DESCRIPTIONS[arch],
            split_seed=SPLIT_SEED,
            torch=torch.__version__,
            settings="\n".join(f"| {name} | {value} |" for name, value in asdict(recipe).items()),
            bound=_on_bound(norms, recipe),
            bns=len(norms),
            channels=sum(norm.num_features for norm in norms),
            statistics=_statistics(norms),
        ),
        encoding="utf-8",
    )
    return path


@torch.no_grad()
def _correct(model: nn.Module, split: Split) -> int:
    return int((model(split.images).argmax(1) == split.labels).sum())


@torch.no_grad()
def _statistics(norms: list[nn.BatchNorm2d]) -> str:
    gamma = torch.cat([norm.weight for norm in norms])
    beta = torch.cat([norm.bias for norm in norms])
    mean = torch.cat([norm.running_mean for norm in norms])
    deviation = torch.cat([(norm.running_var + norm.eps).sqrt() for norm in norms])
    rows = {
        "gamma": gamma,
        "abs(beta / gamma)": (beta / gamma).abs(),
        "sqrt(running_var + eps)": deviation,
        "gamma / sqrt(running_var + eps)": gamma / deviation,
        "abs(running_mean / sqrt(running_var + eps) - beta / gamma)": (mean / deviation - beta / gamma).abs(),
    }
    return "\n".join(
        f"| {name} | {values.min():.3g} | {values.median():.3g} | {values.max():.3g} |" for name, values in rows.items()
    )


@torch.no_grad()
def _on_bound(norms: list[nn.BatchNorm2d], recipe: "Recipe") -> int:
    bound = 0
    for norm in norms:
        ratio = norm.bias.abs() / norm.weight
        # The projection leaves a ratio within a rounding of its bound.
        held = (norm.weight <= recipe.smallest_gamma) | (ratio >= recipe.largest_ratio * (1 - 1e-6))
        bound += int(held.sum())
    return bound
