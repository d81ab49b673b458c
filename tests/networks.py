"""Small ONNX networks written node by node, and what a fold of them must satisfy whatever they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper

from bnfold.gauge.solve import solve
from bnfold.graph.apply import apply_plan
from bnfold.graph.facts import Facts, read_facts
from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import unrounded
from bnfold.objective import Objective
from bnfold.plan import Code, Decision, Plan, Reason
from bnfold.proof.certificate import Certificate
from bnfold.proof.issue import issue
from bnfold.rewrite import OutOfRangeError
from bnfold.verification.reference import Reference

Operand = str | np.ndarray | float | list[int] | None


@dataclass(repr=False)
class Net:
    """A graph under construction; every tensor has a concrete shape while it is built.

    Attributes:
        seed: of the weights.
        dtype: of all float tensors.
        opset: operator set version.
        dynamic: whether the batch extent of the inputs is declared as unknown.
        neutral: whether every affine operator is the identity.
    """

    seed: int = 0
    dtype: type = np.float32
    opset: int = 17
    dynamic: bool = False
    neutral: bool = False
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    types: dict[str, onnx.TypeProto] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Net of {len(self.nodes)} nodes"

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def input(self, *shape: int, name: str = "x") -> str:
        self.inputs[name] = shape
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        self.types[name] = helper.make_tensor_type_proto(kind, shape)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(dim.dim_value for dim in self.types[name].tensor_type.shape.dim)

    def channels(self, name: str) -> int:
        return self.shape(name)[1]

    def constant(self, value: Any, name: str | None = None) -> str:
        """An initializer; floats are stored in the type of the network."""
        array = np.asarray(value)
        array = array.astype(self.dtype) if array.dtype.kind == "f" else array
        name = name or f"k{len(self.constants)}"
        self.constants[name] = array
        self.types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        return name

    def node(self, op: str, *operands: Operand, outputs: int = 1, name: str | None = None, **attributes: Any) -> Any:
        """Append a node; arrays become initializers. Returns the name of its output, or of all of them."""
        inputs = [
            "" if value is None else value if isinstance(value, str) else self.constant(value) for value in operands
        ]
        name = name or f"{op.lower()}{len(self.nodes)}"
        names = [f"{name}.y"] if outputs == 1 else [f"{name}.y{i}" for i in range(outputs)]
        made = helper.make_node(op, inputs, names, name=name, **attributes)
        self.nodes.append(made)
        schema = onnx.defs.get_schema(op, self.opset)
        known = {i: self.types[i] for i in inputs if i}
        data = {i: numpy_helper.from_array(self.constants[i], i) for i in inputs if i in self.constants}
        opsets = [helper.make_opsetid("", self.opset)]
        self.types |= onnx.shape_inference.infer_node_outputs(schema, made, known, data, opset_imports=opsets)
        return names[0] if outputs == 1 else names

    def normal(self, *shape: int) -> np.ndarray:
        fan = max(1, int(np.prod(shape[1:])))
        return self.random.normal(size=shape) / np.sqrt(fan)

    def conv(self, x: str, cout: int, kernel: int = 3, bias: bool = True, group: int = 1, **more: Any) -> str:
        rank = len(self.shape(x)) - 2
        weight = self.normal(cout, self.channels(x) // group, *[kernel] * rank)
        attributes = {"pads": [kernel // 2] * (2 * rank), "group": group, **more}
        if "auto_pad" in more:
            attributes.pop("pads")
        operands = [x, weight, self.random.normal(size=cout)] if bias else [x, weight]
        return self.node("Conv", *operands, **attributes)

    def bn(self, x: str, positive: bool = True, name: str | None = None, **changed: np.ndarray) -> str:
        """A BatchNormalization; `changed` replaces gamma, beta, mean or variance."""
        c = self.channels(x) if len(self.shape(x)) > 1 else 1
        gamma = self.random.uniform(0.5, 1.5, c) * (1 if positive else self.random.choice([-1, 1], c))
        parameters = {
            "gamma": gamma,
            "beta": self.random.normal(0, 0.5, c),
            "mean": self.random.normal(0, 0.5, c),
            "variance": self.random.uniform(0.5, 2, c),
        } | changed
        if self.neutral:
            parameters = dict(zip(parameters, (np.ones(c), np.zeros(c), np.zeros(c), np.ones(c)), strict=True))
        epsilon = 0.0 if self.neutral else 1e-3
        return self.node("BatchNormalization", x, *parameters.values(), name=name, epsilon=epsilon)

    def relu(self, x: str) -> str:
        return self.node("Relu", x)

    def linear(self, x: str, features: int, **more: Any) -> str:
        """A Gemm."""
        return self.node("Gemm", x, self.normal(self.shape(x)[-1], features), self.random.normal(size=features), **more)

    def operators(self) -> Counter[str]:
        """How many nodes of each kind there are."""
        return Counter(node.op_type for node in self.nodes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))

        def info(name: str, shape: tuple[int, ...], dynamic: bool) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, kind, ["n", *shape[1:]] if dynamic else shape)

        results = [helper.make_value_info(name, self.types[name]) for name in outputs]
        for result in results if self.dynamic else ():
            for dim in result.type.tensor_type.shape.dim:
                dim.Clear()
        graph = helper.make_graph(
            self.nodes,
            "net",
            [info(name, shape, self.dynamic) for name, shape in self.inputs.items()],
            results,
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        helper.set_model_props(made, {"author": "someone"})
        return made

    def feeds(self, seed: int = 1) -> dict[str, np.ndarray]:
        random = np.random.default_rng(seed)
        return {name: random.normal(0.3, 1, shape).astype(self.dtype) for name, shape in self.inputs.items()}


@dataclass(frozen=True)
class Folded:
    """A network before and after.

    Attributes:
        original: as given.
        prepared: with constant expressions evaluated.
        exact: folded, with unrounded weights.
        rounded: folded, with weights in the stored types.
        certificate: what the fold claims about every tensor.
    """

    original: ir.Model
    prepared: ir.Model
    facts: Facts
    plan: Plan
    exact: ir.Model
    rounded: ir.Model
    certificate: Certificate

    def decision(self, node: str) -> Decision:
        return next(decision for decision in self.plan.decisions if decision.node == node)

    @property
    def kept(self) -> list[str]:
        return [decision.node for decision in self.plan.decisions if not decision.removed]


def fold(
    model: onnx.ModelProto,
    withdrawn: Mapping[str, Reason] | None = None,
    objective: Objective = Objective.LATENCY,
) -> Folded:
    """Fold as the pipeline does, without its files."""
    prepared, facts = _prepared(model)
    refused = dict(withdrawn or {})
    while True:
        plan = solve(facts.network, refused, objective)
        rounded, sites = _prepared(model)
        try:
            stored = apply_plan(rounded, sites, plan)
            for value in rounded.graph.initializers.values():
                assert value.const_value is not None
                value.const_value.numpy()
        except OutOfRangeError as overflow:
            guilty = [decision.node for decision in plan.decisions if overflow.node in decision.into]
            assert guilty
            refused |= {name: Reason(Code.RANGE, str(overflow), against=overflow.node) for name in guilty}
            continue
        claims = issue(facts.network, plan, stored)
        return Folded(ir.from_proto(model), prepared, facts, plan, unrounded(rounded), rounded, claims)


def _prepared(model: onnx.ModelProto) -> tuple[ir.Model, Facts]:
    read = ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString()))
    prepare(read)
    return read, read_facts(read)


def disagreement(folded: Folded, feeds: Mapping[str, np.ndarray]) -> float:
    """The largest difference of any output in float64, relative to the largest value of that output."""
    before, after = Reference(folded.original).run(feeds), Reference(folded.exact).run(feeds)
    worst = 0.0
    for name, expected in before.items():
        if after[name].shape != expected.shape or not np.isfinite(after[name]).all():
            return float("inf")
        difference = np.abs(after[name] - expected).max(initial=0)
        worst = max(worst, float(difference / max(np.abs(expected).max(initial=0), 1e-300)))
    return worst
