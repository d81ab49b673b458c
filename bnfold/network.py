"""A network as plain facts: what the rules and the solver know of a model, whatever file or library it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bnfold.plan import Reason

Dim = int | str | None


class Constant(Protocol):
    """A tensor whose value is known; `numpy()` may read it from disk."""

    @property
    def shape(self) -> Any:
        """Extents of the tensor."""

    def numpy(self) -> NDArray[Any]:
        """The value, in the stored dtype."""


@dataclass(frozen=True)
class Computed:
    """A constant that is computed when it is asked for, and not kept: a network's new weights need no room.

    Attributes:
        shape: extents of the tensor.
        compute: returns the value as float64, unrounded; it may be called several times.
    """

    shape: tuple[int, ...]
    compute: Callable[[], NDArray[np.float64]]

    @staticmethod
    def of(value: NDArray[np.float64]) -> Computed:
        """A value that is there already."""
        return Computed(value.shape, lambda: value)

    def numpy(self) -> NDArray[np.float64]:
        """The value."""
        return self.compute()


@dataclass(frozen=True)
class Quantization:
    """How a constant is stored: integers times scales.

    Attributes:
        scales: float64, of the rank of the constant, one value per block.
        blocks: extents of the blocks of elements that share a scale.
        divisible: whether one scale for the whole constant may become one per index of any axis.
    """

    scales: NDArray[np.float64]
    blocks: tuple[int, ...]
    divisible: bool = False

    def blocks_for(self, axis: int) -> tuple[int, ...]:
        """The blocks where scales along `axis` are asked for."""
        return tuple(1 if self.divisible and i == axis else block for i, block in enumerate(self.blocks))


def spread(values: NDArray[Any], blocks: Sequence[int], shape: Sequence[int]) -> NDArray[Any]:
    """One value per block as an array of `shape`, with one per element.

    Args:
        values: of the rank of the result; an extent of 1 stands for all blocks along an axis.
        blocks: extents of the blocks.
        shape: of the result, which may be a view of less.
    """
    for axis, block in enumerate(blocks):
        if values.shape[axis] > 1 and block > 1:
            values = values.repeat(block, axis).take(range(shape[axis]), axis)
    return np.broadcast_to(values, tuple(shape))


@dataclass(frozen=True)
class Tensor:
    """One tensor of a network.

    Attributes:
        name: unique in the network.
        shape: int where known, the name of a symbolic extent, or None; None as a whole if even the rank is unknown.
        floating: whether its elements are of a floating-point type.
        constant: the value, if it is fixed and no caller may override it.
        overridable: whether it has a value that a caller may override.
        quantization: how the constant is stored, where that is as integers times scales.
        dtype: the stored type of its elements if it is known and floating-point.
    """

    name: str
    shape: tuple[Dim, ...] | None = None
    floating: bool = True
    constant: Constant | None = None
    overridable: bool = False
    quantization: Quantization | None = None
    dtype: np.dtype[Any] | None = None

    def extent(self, axis: int) -> int | None:
        """The extent along `axis` if it is known."""
        if self.shape is None or not -len(self.shape) <= axis < len(self.shape):
            return None
        dim = self.shape[axis]
        return dim if isinstance(dim, int) else None

    def value(self) -> NDArray[Any] | None:
        """The constant value in its stored dtype, or None if the tensor is not constant."""
        return None if self.constant is None else np.asarray(self.constant.numpy())


@dataclass(frozen=True)
class Node:
    """One operator call.

    Attributes:
        name: unique in the network; what ledgers and plans call it.
        op: ONNX operator name; with its domain and a dot if that is not the default one.
        inputs: None where an optional input is left out. Tensors captured by a subgraph follow the formal inputs.
        outputs: tensors, None where an optional output is left out.
        attributes: ONNX attributes as Python values.
        version: operator set version the node is written in.
        opaque: the node must be taken as unknown, whatever its operator.
        body: path of the body of If, Loop or Scan that it stands in; empty outside.
    """

    name: str
    op: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    version: int = 23
    opaque: bool = False
    body: str = ""

    def input(self, index: int) -> Tensor | None:
        """The input at `index`, or None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def parameter(self, index: int, attribute: str) -> NDArray[Any] | None:
        """A small setting that older operator sets keep in an attribute and newer ones in a constant input.

        Returns:
            The value as an array; None where it is left out.

        Raises:
            OpaqueError: the input is computed at run time.
        """
        if attribute in self.attributes:
            return np.asarray(self.attributes[attribute])
        tensor = self.input(index)
        if tensor is None:
            return None
        value = tensor.value()
        if value is None:
            raise OpaqueError(f"{tensor.name} is not constant")
        return value


class OpaqueError(Exception):
    """A rule cannot say what the node does to units (a needed shape or value is unknown): it is taken as opaque."""


@dataclass(frozen=True)
class Network:
    """Nodes in an order in which every tensor is written before it is read.

    Attributes:
        inputs: tensors the caller feeds (a constant that the caller may override is one of them).
        outputs: tensors the caller reads.
        kept: what an earlier fold kept and the model remembers, by node name.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    kept: Mapping[str, Reason] = field(default_factory=dict)
