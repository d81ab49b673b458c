"""Node by node through an ONNX graph in float64: `onnx.reference` with float64 throughout.

An operator of the main graph that would narrow, fails or is unknown is run on ONNX Runtime and listed (see `lent`);
inside a subgraph or a function, and where it draws random numbers, it is an error with its name: never a silent loss of
precision.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import RuntimeContextError

from bnfold.errors import BnfoldError
from bnfold.verification.effort import work_of
from bnfold.verification.lent import Lent, lends
from bnfold.verification.operators import OPERATORS
from bnfold.verification.precision import NARROW, widen

# Their results are exact in float32, whatever type the model asks for.
_EXACT_SOURCES = {"Constant", "ConstantOfShape", "EyeLike"}
_RANDOM = {
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
}
_FLOAT32_INSIDE = {"AffineGrid", "CausalConvWithState", "GridSample", "LinearAttention", "MelWeightMatrix"}


class Float64Error(BnfoldError):
    """An operator of the model cannot be evaluated in float64; the message names it."""


class Evaluator(ReferenceEvaluator):
    """`onnx.reference` with float64 throughout, our operators at every depth, and intermediates freed."""

    def __init__(self, proto: Any, **options: Any) -> None:
        self.lent: list[str] = []
        self._lent: dict[int, Lent] = {}
        super().__init__(proto, **{**options, "new_ops": list(OPERATORS)})
        self.after: Callable[[onnx.NodeProto, list[Any]], list[Any]] | None = None
        self.work: int = 0

    def _init(self) -> None:
        super()._init()
        self.rt_inits_: dict[str, Any] = {name: widen(value) for name, value in self.rt_inits_.items()}
        self._reads = [_names_read(node.onnx_node) for node in self.rt_nodes_]
        self._last: list[set[str]] = []
        seen: set[str] = set()
        for reads in reversed(self._reads):
            self._last.append(reads - seen)
            seen |= reads
        self._last.reverse()

    def _load_impl(self, node: onnx.NodeProto, input_types: Any = None) -> Any:
        if node.domain in ("", "ai.onnx") and node.op_type in _RANDOM:
            raise Float64Error(f"Operator {_title(node)} draws random numbers.")
        try:
            if node.domain in ("", "ai.onnx") and node.op_type in _FLOAT32_INSIDE:
                raise NotImplementedError
            return super()._load_impl(node, input_types)
        except (RuntimeContextError, Float64Error):
            raise
        except (NotImplementedError, RuntimeError) as error:
            if self._lends(node):
                return lambda node, _: Lent(node, self.opsets)
            raise Float64Error(f"Operator {_title(node)} has no float64 implementation.") from error

    def _lends(self, node: onnx.NodeProto) -> bool:
        return isinstance(self.proto_, onnx.ModelProto) and lends(node)

    def run(  # type: ignore[override]
        self,
        output_names: Any,
        feed_inputs: dict[str, Any],
        attributes: dict[str, Any] | None = None,
        **_: Any,
    ) -> list[Any]:
        """Outputs of a function body or subgraph, in order (called by `onnx.reference`)."""
        names = output_names or self.output_names_
        (results,) = self.evaluate([self.rt_inits_ | feed_inputs], names, attributes=attributes)
        return [results[name] for name in names]

    def evaluate(
        self,
        given: Sequence[Mapping[str, Any]],
        wanted: Iterable[str],
        weights: Mapping[str, Any] | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """All values still alive after the last node, the wanted ones and what nobody reads, for each of `given`.

        A weight is asked for at its first reader, once for all, and goes with every other value after its last.
        """
        lanes: list[dict[str, Any]] = [{"": None, **values} for values in given]
        weights, held = weights or {}, {"", *wanted}
        _enter(lanes, weights, held)
        for node, reads, last in zip(self.rt_nodes_, self._reads, self._last, strict=True):
            _enter(lanes, weights, reads)
            for results in lanes:
                self._step(node, results, attributes)
                for name in last - held:
                    results.pop(name, None)
        return lanes

    def _step(self, node: Any, results: dict[str, Any], attributes: dict[str, Any] | None) -> None:
        """Add what one node computes."""
        extra: dict[str, Any] = {}
        if node.has_linked_attribute and attributes:
            extra["linked_attributes"] = attributes
        if node.need_context():
            extra["context"] = results
        inputs = [results[name] for name in node.input]
        outputs = self._computed(node, inputs, extra)
        self.work += work_of(node.op_type, inputs, outputs)
        if self.after is not None:
            outputs = self.after(node.onnx_node, list(outputs))
        for name, value in zip(node.output, outputs, strict=False):
            results[name] = widen(value) if node.op_type in _EXACT_SOURCES else value

    def _computed(self, node: Any, inputs: list[Any], extra: dict[str, Any]) -> list[Any]:
        """What one node computes; on ONNX Runtime if it cannot be computed in float64."""
        title = _title(node.onnx_node)
        lent = node if isinstance(node, Lent) else self._lent.get(id(node))
        if lent is not None:
            return self._on_runtime(lent, title, inputs)
        try:
            outputs = list(node.run(*inputs, **extra))
        except BnfoldError as error:
            raise error if isinstance(error, Float64Error) else Float64Error(str(error)) from error
        except Exception as error:  # the operators of onnx.reference raise of every kind
            why = Float64Error(f"Operator {title} failed: {one_line(error)}")
        else:
            narrow = None if node.op_type in _EXACT_SOURCES else _narrow(outputs)
            if narrow is None:
                return outputs
            why = Float64Error(f"Operator {title} computes in {narrow}.")
        if not self._lends(node.onnx_node):
            raise why
        lent = Lent(node.onnx_node, self.opsets)
        try:
            outputs = self._on_runtime(lent, title, inputs)
        except Float64Error:
            raise why from None
        self._lent[id(node)] = lent
        return outputs

    def _on_runtime(self, lent: Lent, title: str, inputs: list[Any]) -> list[Any]:
        try:
            outputs = list(lent.run(*inputs))
        except Exception as error:  # ONNX Runtime refuses it, or it reads what cannot be the input of a model
            raise Float64Error(f"Operator {title} has no float64 implementation. {one_line(error)}") from error
        self.lent.append(title)
        return outputs


def _enter(lanes: Sequence[dict[str, Any]], weights: Mapping[str, Any], names: Iterable[str]) -> None:
    """Give every lane the weights among these names that it has no value for."""
    for name in names:
        lacking = [results for results in lanes if name not in results] if name in weights else []
        if lacking:
            value = weights[name]
            for results in lacking:
                results[name] = value


def _narrow(outputs: Sequence[Any]) -> Any:
    """The type of a result that is narrower than float64; None if there is none."""
    parts = (part for value in outputs for part in (value if isinstance(value, list) else [value]))
    return next((part.dtype for part in parts if isinstance(part, np.ndarray) and part.dtype in NARROW), None)


def _names_read(node: onnx.NodeProto) -> set[str]:
    """Inputs of a node and everything its subgraphs take from outside."""
    names = set(node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            inner: set[str] = set().union(*map(_names_read, graph.node), (o.name for o in graph.output))
            names |= inner - {output for inside in graph.node for output in inside.output}
    return names


def _title(node: onnx.NodeProto) -> str:
    domain = f"{node.domain}." if node.domain else ""
    return f"{domain}{node.op_type} ({node.name})" if node.name else f"{domain}{node.op_type}"


def one_line(error: BaseException) -> str:
    """The message of an error with white space folded, cut, and a full stop: whatever follows it is a new sentence."""
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[:300].rstrip('.')}."
