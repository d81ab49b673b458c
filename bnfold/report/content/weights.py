"""Ranges of weights, channel by channel: what one scale for all channels costs when a model is quantized next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from statistics import median

from bnfold.report.content.table import Data, Name, Table, table

SHOWN = 10


@dataclass(frozen=True)
class Layer:
    """Largest absolute weight of every output channel of one layer of one model."""

    node: str
    largest: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Bits that the median channel loses if one scale serves all: log2(largest / median)."""
        alive = [value for value in self.largest if value > 0]
        return log2(max(alive) / median(alive)) if alive else 0.0


def layers(weights: Sequence[Data]) -> list[Layer]:
    """Every layer of one of the models."""
    return [
        Layer(item["node"], tuple(max(abs(a), abs(b)) for a, b in zip(item["low"], item["high"], strict=True)))
        for item in weights
    ]


def widest(details: Data) -> Table | None:
    """The layers of the folded model whose channels differ most, and what they were before."""
    old = {layer.node: layer for layer in layers(details["before"]["weights"])}
    new = sorted(layers(details["after"]["weights"]), key=lambda layer: -layer.spread)
    rows = []
    for layer in new[:SHOWN]:
        before = old.get(layer.node)
        rows.append(
            (
                Name(layer.node),
                str(len(layer.largest)),
                "" if before is None else f"{max(before.largest):.3g}",
                f"{max(layer.largest):.3g}",
                "" if before is None else f"{before.spread:.1f}",
                f"{layer.spread:.1f}",
            )
        )
    headings = ("layer", "channels", "largest before", "after", "bits lost before", "after")
    return table(headings, rows, range(1, 6))


def subnormals(details: Data) -> str:
    """How many weights are subnormal."""
    before, after = (sum(layer["subnormals"] for layer in details[side]["weights"]) for side in ("before", "after"))
    if not before and not after:
        return "No layer has subnormal weights, before or after."
    return f"Subnormal weights, which some processors compute with slowly: {before:,} before, {after:,} after."
