"""One call in a traced graph, as the operator families read it: arguments by position or name, tensors as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from bnfold.fx.probe import VARIES, Fact
from bnfold.network import Dim, OpaqueError, Tensor

if TYPE_CHECKING:
    from bnfold.fx.lift import Lift


@dataclass(frozen=True)
class Value:
    """A known constant: float64 for every floating-point type, and the dtype it is stored in if it is stored."""

    array: NDArray[Any]
    stored: torch.dtype | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents."""
        return self.array.shape

    def numpy(self) -> NDArray[Any]:
        """The array itself."""
        return self.array


@dataclass(frozen=True)
class Slot:
    """Where a constant input of a network node is stored.

    Attributes:
        name: of the keyword argument, or of the attribute if a module is called.
        position: of the argument in the call.
        item: where it stands in that argument, if that is a list.
        transposed: whether the network has the transpose of what is stored.
    """

    name: str
    position: int = -1
    item: int | None = None
    transposed: bool = False


@dataclass(frozen=True)
class Site:
    """The call behind a node of the network.

    Attributes:
        node: the call that computes it, or its product if it is a matrix product with a bias behind it.
        slots: by input index, where its constants are stored.
        result: the node whose value is the output: `node` itself, or the addition of the bias.
        bias: where that addition stores the bias.
    """

    node: fx.Node
    slots: Mapping[int, Slot]
    result: fx.Node
    bias: Slot | None = None


@dataclass(frozen=True)
class Call:
    """One call and the network that it is lifted into.

    Attributes:
        lift: the network under construction.
        node: the call.
        module: the module called, None for functions and methods.
        scope: path of the module that the call is made in; that of the module called, if one is.
        stored: the type of the module's parameters, where `module` is a copy in float64.
    """

    lift: Lift
    node: fx.Node
    module: nn.Module | None
    scope: str
    stored: torch.dtype | None = None

    def raw(self, position: int, name: str, default: Any = None) -> Any:
        """An argument as it stands in the graph."""
        if position < len(self.node.args):
            return self.node.args[position]
        return self.node.kwargs.get(name, default)

    def static(self, position: int, name: str, default: Any = None) -> Any:
        """An argument that is no tensor.

        Raises:
            OpaqueError: it is a tensor, or depends on the batch size.
        """
        return self.resolved(self.raw(position, name, default))

    def rest(self, position: int, name: str) -> tuple[int, ...]:
        """Integers given one by one from `position` on, or together as one sequence."""
        given = self.raw(position, name)
        if isinstance(given, int | fx.Node) and position < len(self.node.args):
            given = self.node.args[position:]
        values = self.resolved(given)
        return tuple(values) if isinstance(values, Sequence) else (values,)

    def tensor(self, position: int, name: str) -> Tensor | None:
        """A tensor or number among the arguments; None if it is left out or None."""
        value = self.raw(position, name)
        return None if value is None else self.lift.tensor(value)

    def known(self, position: int, name: str) -> Tensor:
        """The same where it may not be left out."""
        value = self.tensor(position, name)
        if value is None:
            raise OpaqueError(f"{name} is left out")
        return value

    def parameter(self, name: str) -> Tensor | None:
        """A parameter or buffer of the module called; None if it has none."""
        value = getattr(self.module, name)
        if value is None:
            return None
        array = value.detach().cpu()
        array = (array.double() if array.is_floating_point() else array).numpy()
        return Tensor(
            f"{self.scope}.{name}", array.shape, value.is_floating_point(), Value(array, self.stored or value.dtype)
        )

    def setting(self, name: str) -> Any:
        """An attribute of the module called."""
        return getattr(self.module, name)

    @property
    def x(self) -> Tensor:
        """The first argument."""
        return self.known(0, "input")

    @property
    def extents(self) -> tuple[Dim, ...]:
        """The shape of the first argument."""
        shape = self.x.shape
        assert shape is not None
        return shape

    def rank(self) -> int:
        """The rank of the first argument."""
        return len(self.extents)

    def shape(self) -> tuple[Dim, ...]:
        """The shape of the result."""
        fact = self.lift.seen.values[self.node]
        if not isinstance(fact, Fact):
            raise OpaqueError("the result is not a tensor")
        return fact.shape

    def keeps_type(self) -> bool:
        """Whether the result has the dtype and device of the first argument."""
        first, mine = self.raw(0, "input"), self.lift.seen.values[self.node]
        theirs = self.lift.seen.values.get(first) if isinstance(first, fx.Node) else None
        if not isinstance(theirs, Fact) or not isinstance(mine, Fact):
            return False
        return (theirs.dtype, theirs.device) == (mine.dtype, mine.device)

    def helper(self, label: str, shape: Sequence[Dim]) -> Tensor:
        """A tensor that only the network has, between two of its nodes for one call."""
        return Tensor(f"{self.node.name}.{label}", tuple(shape))

    def emit(
        self,
        op: str,
        inputs: Sequence[Tensor | None],
        *,
        slots: Mapping[int, Slot] | None = None,
        outputs: Sequence[Tensor | None] | None = None,
        **attributes: Any,
    ) -> None:
        """Add a node to the network; its output is the result of the call unless `outputs` says otherwise."""
        self.lift.add(self, op, inputs, slots or {}, outputs, attributes)

    def resolved(self, value: Any) -> Any:
        """A value without graph nodes in it; raises OpaqueError as `static` does."""
        if isinstance(value, fx.Node):
            value = self.lift.seen.values[value]
        if isinstance(value, tuple | list):
            return type(value)(map(self.resolved, value))
        if isinstance(value, slice):
            return slice(*map(self.resolved, (value.start, value.stop, value.step)))
        if value is VARIES or isinstance(value, Fact):
            raise OpaqueError("an argument is known only at run time")
        return value


def constant(name: str, array: Any) -> Tensor:
    """A constant that the network needs and the module does not hold."""
    value = np.asarray(array)
    return Tensor(name, value.shape, value.dtype.kind == "f", Value(value))
