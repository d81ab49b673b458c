"""What only a page shows of a fold: both graphs, and the weights of every layer, channel by channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bnfold.network import Network, Node, Tensor
from bnfold.sources.onnx import load

DIGITS = 3
"""Significant digits of a range."""
LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")

Values = Callable[[Tensor], NDArray[Any] | None]


@dataclass(frozen=True)
class Ranges:
    """The weights of one layer.

    Attributes:
        node: its name.
        low, high: smallest and largest weight of every output channel.
        subnormals: how many weights are subnormal.
    """

    node: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    subnormals: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"node": self.node, "low": list(self.low), "high": list(self.high), "subnormals": self.subnormals}


@dataclass(frozen=True)
class Model:
    """One of the two models.

    Attributes:
        operators: of the file, how many of each kind; those of bodies count, constants do not.
        network: its nodes with the tensors between them; constant expressions are evaluated.
        weights: of every layer.
        size_bytes: of the file, external data included.
    """

    operators: Mapping[str, int]
    network: Network
    weights: tuple[Ranges, ...] = field(repr=False)
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "operators": dict(self.operators),
            "inputs": [tensor.name for tensor in self.network.inputs],
            "outputs": [tensor.name for tensor in self.network.outputs],
            "nodes": [_node(node) for node in self.network.nodes],
            "weights": [layer.to_json() for layer in self.weights],
            "size_bytes": self.size_bytes,
        }


@dataclass(frozen=True)
class Details:
    """Both models of a fold."""

    before: Model
    after: Model

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"before": self.before.to_json(), "after": self.after.to_json()}


def collect(before: Network, after: Network, original: Path, folded: Path) -> Details:
    """The details of a fold.

    Args:
        before, after: the networks; the constants of `after` need not be computed.
        original, folded: the files, in which the constants of `after` are.
    """
    return Details(_model(before, original, stored=False), _model(after, folded, stored=True))


def _model(network: Network, path: Path, *, stored: bool) -> Model:
    from bnfold.latency.file_size import stored_bytes

    model = load(path)
    operators = Counter(node.op_type for node in model.graph.all_nodes() if node.op_type != "Constant")
    values = _stored_values(model) if stored else Tensor.value
    weights = [_ranges(node, values) for node in network.nodes]
    return Model(
        dict(sorted(operators.items())),
        network,
        tuple(layer for layer in weights if layer is not None),
        stored_bytes(path),
    )


def _stored_values(model: ir.Model) -> Values:
    """Constants by their name in the file; those that it has not as they are, such as quantized ones, are computed."""
    initializers = model.graph.initializers

    def values(tensor: Tensor) -> NDArray[Any] | None:
        held = initializers[tensor.name].const_value if tensor.name in initializers else None
        return tensor.value() if held is None else held.numpy()

    return values


def _ranges(node: Node, values: Values) -> Ranges | None:
    from bnfold.verification.precision import FLOATS
    from bnfold.verification.subnormal import subnormals

    place = weight_place(node)
    if place is None:
        return None
    tensor = node.inputs[place]
    weight = None if tensor is None else values(tensor)
    if weight is None or not weight.size:
        return None
    rows = by_output_channel(node, np.asarray(weight, np.float64), place)
    tiny = subnormals(weight) if weight.dtype in FLOATS else 0
    return Ranges(node.name, _rounded(rows.min(1)), _rounded(rows.max(1)), tiny)


def weight_place(node: Node) -> int | None:
    """Which input of a layer is its constant weight; None if the node is no such layer."""
    if node.op not in LAYERS:
        return None
    constant = [place for place, tensor in enumerate(node.inputs[:2]) if tensor is not None and tensor.constant]
    return constant[0] if len(constant) == 1 else None


def by_output_channel(node: Node, weight: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """The weights as (output channels, weights of each), for Conv [M, C/g, ...], ConvTranspose [C, M/g, ...], Gemm and
    MatMul.
    """
    if node.op == "Conv":
        return weight.reshape(len(weight), -1)
    if node.op == "ConvTranspose":
        groups = int(node.attributes.get("group", 1))
        parts = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
        return parts.swapaxes(1, 2).reshape(groups * weight.shape[1], -1)
    if weight.ndim == 1:
        return weight.reshape(1, -1)
    transposed = node.attributes.get("transB" if place else "transA", 0)
    axis = (-1 if place else -2) if not transposed else (-2 if place else -1)
    moved = np.moveaxis(weight, axis, 0)
    return moved.reshape(len(moved), -1)


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") if np.isfinite(value) else 0.0 for value in values)


def _node(node: Node) -> dict[str, Any]:
    flowing = [tensor.name for tensor in node.inputs if tensor is not None and tensor.constant is None]
    data: dict[str, Any] = {
        "name": node.name,
        "op": node.op,
        "inputs": flowing,
        "outputs": [tensor.name for tensor in node.outputs if tensor is not None],
    }
    place = weight_place(node)
    tensor = None if place is None else node.inputs[place]
    if tensor is not None and tensor.shape is not None:
        data["weight"] = [extent if isinstance(extent, int) else None for extent in tensor.shape]
    return data
