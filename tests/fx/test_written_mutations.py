"""Break what is written of every operator, one setting at a time: some case of the other tests must see each break."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import bnfold.fx.write as write
from bnfold.fx.forms import settings_of
from bnfold.network import Node
from tests.fx.nets import normal, seeded
from tests.fx.test_forms import CASES, Through
from tests.fx.test_write import ALONE, LEFT_TO_TORCH, assert_written_right

OTHER = {
    "constant": "edge",
    "reflect": "edge",
    "edge": "reflect",
    "linear": "nearest",
    "nearest": "linear",
    "cubic": "linear",
    "none": "tanh",
    "tanh": "none",
    "half_pixel": "asymmetric",
    "pytorch_half_pixel": "asymmetric",
    "align_corners": "asymmetric",
    "asymmetric": "align_corners",
    "floor": "ceil",
    "round_prefer_floor": "ceil",
}
"""Another value of an attribute that is a word."""

SWAPPED = {"Add": "Sub", "Sub": "Add", "Mul": "Div", "Div": "Mul", "MaxPool": "AveragePool", "ReduceMax": "ReduceMin"}
"""Another operator; of those with one input and no settings it is Identity."""

Break = tuple[str, Any]
"""An operator, and the attribute, the input or the None that is broken; None is the operator itself."""


def nets() -> Iterator[tuple[nn.Module, torch.Tensor]]:
    for module in ALONE.values():
        yield seeded(module), normal(2, 3, 4, 8)
    for name, (form, _, rank) in CASES.items():
        if name not in LEFT_TO_TORCH:
            net = Through(form, rank, shift=True).requires_grad_(False)
            yield net, normal(2, 4, *([6] * (rank - 2)))


def other(value: Any) -> Any:
    """Another value of a setting; of a number that may be a flag, the other flag."""
    if isinstance(value, str):
        return OTHER[value]
    if isinstance(value, int):
        return int(not value)
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return value + 0.5
    return value + 1 if isinstance(value, np.ndarray) else [part + 1 for part in value]


def breaks_of(module: nn.Module, x: torch.Tensor, patch: pytest.MonkeyPatch) -> set[Break]:
    """Everything that can be broken of what is written for a net."""
    found: set[Break] = set()

    def seen(node: Node) -> Any:
        settings, attributes = settings_of(node)
        found.update((node.op, key) for key in (*settings, *attributes, None))
        return settings, attributes

    with patch.context() as within:
        within.setattr(write, "settings_of", seen)
        write.write_onnx(module, [x], ["input"])
    return found


def is_seen(broken: Break, module: nn.Module, x: torch.Tensor, patch: pytest.MonkeyPatch) -> bool:
    """Whether the net is refused, or what is written of it is no valid model or computes something else."""
    op, key = broken
    emit = write._Writer._emit

    def settings(node: Node) -> Any:
        settings, attributes = settings_of(node)
        if node.op == op and key is not None:
            place = settings if key in settings else attributes
            if key in place:
                place[key] = other(place[key])
        return settings, attributes

    def emitted(self: Any, name: str, *arguments: Any) -> None:
        emit(self, SWAPPED.get(name, "Identity") if name == op and key is None else name, *arguments)

    with patch.context() as within:
        within.setattr(write, "settings_of", settings)
        within.setattr(write._Writer, "_emit", emitted)
        try:
            assert_written_right(module, x)
        except Exception:
            return True
    return False


def test_every_setting_that_is_written_is_seen_when_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    open_: set[Break] = set()
    seen: set[Break] = set()
    for module, x in nets():
        for broken in breaks_of(module, x, monkeypatch) - seen:
            (seen if is_seen(broken, module, x, monkeypatch) else open_).add(broken)
    assert open_ - seen == set()
    assert len(seen) > 60
