"""Graphs in graphs: branches, loops, and functions of the model's own."""

from collections.abc import Callable

import numpy as np
from onnx import FunctionProto, TensorProto, helper

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("bodies and functions")
SHAPE = (2, 6, 3, 5)
Inner = Callable[[], str]


def _info(name: str, shape: tuple[int, ...] = SHAPE, kind: int = TensorProto.FLOAT) -> object:
    return helper.make_tensor_value_info(name, kind, shape)


def _body(g: Graph, inner: Inner, inputs: tuple[object, ...] = ()) -> object:
    """What `inner` appends to the model, as a graph of its own; its constants stay outside."""
    start = len(g.nodes)
    result = inner()
    nodes = g.nodes[start:]
    del g.nodes[start:]
    return helper.make_graph(nodes, f"{result}.body", list(inputs), [_info(result)])


def _branches(g: Graph, first: Inner, second: Inner) -> str:
    condition = g.input(name="condition", dtype=np.bool_)
    return str(g.op("If", condition, then_branch=_body(g, first), else_branch=_body(g, second)))


def _loop(g: Graph, x: str, inner: Inner) -> str:
    inputs = (_info("turn", (), TensorProto.INT64), _info("go", (), TensorProto.BOOL), _info("carried"))
    body = _body(g, inner, inputs)
    body.node.append(helper.make_node("Identity", ["go"], ["go_on"]))  # type: ignore[attr-defined]
    body.output.insert(0, _info("go_on", (), TensorProto.BOOL))  # type: ignore[attr-defined]
    return str(g.op("Loop", g.const(np.array(2, np.int64)), g.const(np.array(True)), x, body=body))


@case("a branch: Conv, BN")
def if_conv_bn(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    g.out(_branches(g, lambda: g.bn(g.conv(x, 4, 6, 3), 6), lambda: str(g.op("Tanh", g.conv(x, 4, 6, 3)))))


@case("both branches: Conv, BN, Relu, BN, Conv")
def if_two_chains(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)

    def chain() -> str:
        y = g.op("Relu", g.bn(g.conv(x, 4, 6, 3), 6))
        return g.conv(g.bn(y, 6), 6, 6)

    g.out(_branches(g, chain, chain))


@case("Conv, BN and Sigmoid in a branch, the same BN and Tanh in the other")
def if_across(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    names = [g.const(values) for values in (g.positive(6), g.normal(6), g.normal(6), g.positive(6))]

    def branch(kind: str) -> str:
        return str(g.op(kind, g.op("BatchNormalization", y, *names)))

    g.out(_branches(g, lambda: branch("Sigmoid"), lambda: branch("Tanh")))


@case("a branch: Conv, Div by the root of constants")
def if_constant_arithmetic(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)

    def frozen() -> str:
        root = g.op("Sqrt", g.op("Add", g.along(g.positive(6)), g.const(1e-5)))
        return str(g.op("Div", g.conv(x, 4, 6, 3), root))

    g.out(_branches(g, frozen, lambda: str(g.op("Tanh", g.conv(x, 4, 6, 3)))))


@case("both branches read one weight, one of them in front of a BN")
def if_shared_weight(g: Graph) -> None:
    x, weight = g.input(2, 4, 5, 7), g.const(g.normal(6, 4, 3, 3))
    g.out(_branches(g, lambda: g.bn(g.op("Conv", x, weight), 6), lambda: str(g.op("Conv", x, weight))))


@case("the body of a Loop: Conv, BN, Tanh")
def loop_conv_bn(g: Graph) -> None:
    x = g.op("Sigmoid", g.conv(g.input(2, 4, 5, 7), 4, 6, 3))
    y = _loop(g, x, lambda: str(g.op("Tanh", g.bn(g.conv("carried", 6, 6), 6))))
    g.out(y, shape=SHAPE)


@case(
    "Conv, BN, a Loop whose body starts with BN and ends with Tanh", 1, "what a Loop carries has one unit in all turns"
)
def loop_carried(g: Graph) -> None:
    x = g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)
    y = _loop(g, x, lambda: str(g.op("Tanh", g.bn("carried", 6))))
    g.out(y, shape=SHAPE)


@case("a Loop in a branch: Conv, BN, Tanh")
def loop_in_if(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)

    def looped() -> str:
        start = g.conv(x, 4, 6, 3)
        return _loop(g, start, lambda: str(g.op("Tanh", g.bn(g.conv("carried", 6, 6), 6))))

    g.out(_branches(g, looped, lambda: g.bn(g.conv(x, 4, 6, 3), 6)))


def _function(name: str, inputs: str, nodes: list[object]) -> FunctionProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, list(inputs), ["r"], nodes, opsets)


NORMALIZE = _function("Normalize", "agbmv", [helper.make_node("BatchNormalization", list("agbmv"), ["r"])])


def _parameters(g: Graph) -> list[str]:
    return [g.const(values) for values in (g.positive(6), g.normal(6), g.normal(6), g.positive(6))]


@case("Conv, a function that is a BN")
def function_bn(g: Graph) -> None:
    g.functions.append(NORMALIZE)
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    g.out(g.op("Normalize", y, *_parameters(g), domain="local"), shape=SHAPE)


@case("two Convs, each with a function that is a BN behind it")
def function_bn_twice(g: Graph) -> None:
    g.functions.append(NORMALIZE)
    x = g.input(2, 4, 5, 7)
    results = [g.op("Normalize", g.conv(x, 4, 6, 3), *_parameters(g), domain="local") for _ in range(2)]
    g.out(*results)
    g.shapes |= dict.fromkeys(results, SHAPE)


@case("Conv, a function that calls a function that is a BN")
def function_in_function(g: Graph) -> None:
    nodes = [
        helper.make_node("Normalize", list("agbmv"), ["t"], domain="local"),
        helper.make_node("Tanh", ["t"], ["r"]),
    ]
    g.functions += [NORMALIZE, _function("Block", "agbmv", nodes)]
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    g.out(g.op("Block", y, *_parameters(g), domain="local"), shape=SHAPE)
