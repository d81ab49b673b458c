"""Look-alikes: extents that equal the number of channels, shapes that grow, graphs that look on."""

from functools import partial

import numpy as np
from onnx import TensorProto, helper

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("look-alikes")
AXIS = "a layer has one scale per output channel, and this constant lies along another axis"


def _square(g: Graph, axis: int, kind: str = "Mul") -> None:
    y = g.conv(g.input(4, 3, 4, 4), 3, 4)
    g.out(g.op(kind, y, g.along(g.positive(4), axis)))


for axis, letter in ((0, "N"), (2, "H"), (3, "W")):
    for kind in ("Mul", "Add"):
        text = f"Conv, {kind} of a constant along {letter}, which equals C"
        case(text, 1, AXIS, name=f"{kind.lower()}-along-{letter.lower()}")(partial(_square, axis=axis, kind=kind))


@case("Conv, Mul of a constant of shape [C] where W = C", 1, AXIS)
def mul_rank_1(g: Graph) -> None:
    y = g.conv(g.input(4, 3, 4, 4), 3, 4)
    g.out(g.op("Mul", y, g.const(g.positive(4))))


@case("Conv, Add of a constant of shape [C] where W = C", 1, AXIS)
def add_rank_1(g: Graph) -> None:
    y = g.conv(g.input(4, 3, 4, 4), 3, 4)
    g.out(g.op("Add", y, g.const(g.normal(4))))


@case("Conv, Mul of a constant of shape [C, 1, 1] where N = H = W = C")
def mul_rank_3(g: Graph) -> None:
    y = g.conv(g.input(4, 3, 4, 4), 3, 4)
    g.out(g.op("Mul", y, g.const(g.positive(4, 1, 1))))


@case("Conv, BN where N = H = W = C")
def conv_bn_cube(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(4, 4, 4, 4), 4, 4), 4))


@case("Gemm, Mul of a constant of shape [N, 1] where N = C", 1, AXIS)
def gemm_mul_rows(g: Graph) -> None:
    g.out(g.op("Mul", g.gemm(g.input(6, 5), 5, 6), g.const(g.positive(6, 1))))


@case("Gemm, BN where N = C")
def gemm_bn_square(g: Graph) -> None:
    g.out(g.bn(g.gemm(g.input(6, 5), 5, 6), 6))


@case("MatMul on tokens, BN along axis 1, where L = C", 1, AXIS)
def tokens_bn_length(g: Graph) -> None:
    g.out(g.bn(g.matmul(g.input(2, 6, 4), 4, 6), 6))


@case("MatMul and bias on tokens, BN along axis 1, where L = C", 1, AXIS)
def tokens_bias_bn_length(g: Graph) -> None:
    g.out(g.bn(g.matmul(g.input(2, 6, 4), 4, 6, bias=True), 6))


@case("MatMul on tokens, Mul of a constant of shape [L, 1], where L = C", 1, AXIS)
def tokens_mul_length(g: Graph) -> None:
    g.out(g.op("Mul", g.matmul(g.input(2, 6, 4), 4, 6), g.const(g.positive(6, 1))))


@case("BN along axis 1, MatMul on tokens, where L = C", 1, AXIS)
def bn_tokens_length(g: Graph) -> None:
    g.out(g.matmul(g.bn(g.input(2, 4, 4), 4), 4, 6))


@case("Conv, BN over one axis, where L = C")
def conv1d_bn_length(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 6), 4, 6, dims=1), 6))


GROWS = "its constant gives the result another shape"


@case("Conv, Mul of a constant of rank 5", 1, GROWS)
def mul_higher_rank(g: Graph) -> None:
    g.out(g.op("Mul", g.conv(g.input(2, 4, 5, 7), 4, 6, 3), g.const(g.positive(1, 1, 6, 1, 1))))


@case("Gemm, Add of a constant of rank 3", 1, GROWS)
def gemm_add_higher_rank(g: Graph) -> None:
    g.out(g.op("Add", g.gemm(g.input(3, 5), 5, 6), g.const(g.normal(1, 1, 6))))


@case("Conv with one output channel, Mul of a constant with six", 1, GROWS)
def mul_widens(g: Graph) -> None:
    g.out(g.scale(g.conv(g.input(2, 4, 5, 7), 4, 1, 3), 6))


@case("Conv over one position, Add of a constant along W", 1, GROWS)
def add_widens(g: Graph) -> None:
    g.out(g.op("Add", g.conv(g.input(2, 4, 3, 3), 4, 6, 3), g.const(g.normal(5))))


@case("Conv, Mul of a scalar of rank 5", 1, GROWS)
def scalar_higher_rank(g: Graph) -> None:
    g.out(g.op("Mul", g.conv(g.input(2, 4, 5, 7), 4, 6, 3), g.const(np.full((1, 1, 1, 1, 1), 0.7))))


def _branch(name: str, node: str, source: str, **attributes: object) -> object:
    nodes = [helper.make_node(node, [source], [name], **attributes)]
    value = helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 6, 3, 5])
    return helper.make_graph(nodes, name, [], [value])


def _if(g: Graph, source: str) -> str:
    condition = g.input(name="condition", dtype=np.bool_)
    branches = {"then_branch": _branch("doubled", "Neg", source), "else_branch": _branch("kept", "Identity", source)}
    return str(g.op("If", condition, **branches))


@case("Conv, BN; a branch of an If reads the output of the Conv", 1, "an If needs its captures unchanged")
def if_captures_conv(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    g.out(g.bn(y, 6), _if(g, y))


@case("Conv, BN; a branch of an If reads the output of the BN")
def if_captures_bn(g: Graph) -> None:
    y = g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)
    g.out(_if(g, y))


@case("Conv, BN; a branch of an If reads the weight")
def if_captures_weight(g: Graph) -> None:
    x, weight = g.input(2, 4, 5, 7), g.const(g.normal(6, 4, 3, 3))
    condition = g.input(name="condition", dtype=np.bool_)
    value = [helper.make_tensor_value_info("read", TensorProto.FLOAT, [6, 4, 3, 3])]
    same = helper.make_graph([helper.make_node("Identity", [weight], ["read"])], "same", [], value)
    negative = helper.make_graph([helper.make_node("Neg", [weight], ["read"])], "negative", [], value)
    g.out(g.bn(g.op("Conv", x, weight), 6), g.op("If", condition, then_branch=same, else_branch=negative))


@case("Conv, BN; the body of a Loop reads the output of the BN")
def loop_captures_bn(g: Graph) -> None:
    y = g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)
    start = g.op("Sigmoid", y)
    body = helper.make_graph(
        [
            helper.make_node("Add", ["before", y], ["after"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [2, 6, 3, 5]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [2, 6, 3, 5]),
        ],
    )
    g.out(g.op("Loop", g.const(np.array(2, np.int64)), g.const(np.array(True)), start, body=body), shape=(2, 6, 3, 5))


@case("Conv, BN, a function of the model's own domain")
def local_function(g: Graph) -> None:
    nodes = [helper.make_node("Softplus", ["a"], ["s"]), helper.make_node("Mul", ["a", "s"], ["b"])]
    g.functions.append(helper.make_function("local", "Gate", ["a"], ["b"], nodes, [helper.make_opsetid("", 17)]))
    y = g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)
    g.out(g.conv(g.op("Gate", y, domain="local"), 6, 4))


@case("Conv, BN in a model with metadata")
def metadata(g: Graph) -> None:
    g.metadata.update({"classes": "cat,dog", "stride": "32"})
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6))


@case("Conv, BN with every dimension but the channels open")
def open_sizes(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input("n", 4, "h", "w"), 4, 6, 3), 6))


@case("Conv, BN, Identity as output")
def identity_output(g: Graph) -> None:
    g.out(g.op("Identity", g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)))


@case("nodes without names: Conv, BN, Conv, BN")
def nameless(g: Graph) -> None:
    y = g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6)
    g.out(g.bn(g.conv(y, 6, 4), 4))
    for node in g.nodes:
        node.ClearField("name")


@case("all nodes have the same name: Conv, BN, Conv, BN")
def same_names(g: Graph) -> None:
    y = g.op("Relu", g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6))
    g.out(g.bn(g.conv(y, 6, 4), 4))
    for node in g.nodes:
        node.name = "node"
