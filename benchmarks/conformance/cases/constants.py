"""Everywhere a constant can hide. Each parameter must be found before a normalization can go."""

from collections.abc import Callable
from functools import partial

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Array, Graph

case = Group("hidden constants")
Hide = Callable[[Graph, Array], str]


def _stem(g: Graph) -> str:
    return g.conv(g.input(2, 4, 5, 7), 4, 6, 3)


def _value(g: Graph, array: Array) -> str:
    return str(g.op("Constant", value=numpy_helper.from_array(array.astype(np.float32))))


def _value_floats(g: Graph, array: Array) -> str:
    return str(g.op("Constant", value_floats=array.tolist()))


def _value_float(g: Graph, array: Array) -> str:
    return str(g.op("Expand", g.op("Constant", value_float=float(array[0])), g.ints(6)))


def _value_ints(g: Graph, array: Array) -> str:
    return str(g.op("Cast", g.op("Constant", value_ints=[1, 2, 1, 3, 2, 1]), to=TensorProto.FLOAT))


def _value_int(g: Graph, array: Array) -> str:
    whole = g.op("Cast", g.op("Constant", value_int=2), to=TensorProto.FLOAT)
    return str(g.op("Expand", whole, g.ints(6)))


def _sparse(g: Graph, array: Array) -> str:
    values = numpy_helper.from_array(array[[0, 2, 5]].astype(np.float32), "values")
    indices = numpy_helper.from_array(np.array([0, 2, 5], np.int64), "indices")
    return str(g.op("Constant", sparse_value=helper.make_sparse_tensor(values, indices, [6])))


def _value_string(g: Graph, array: Array) -> str:
    number = g.op("Cast", g.op("Constant", value_string=str(float(array[0]))), to=TensorProto.FLOAT)
    return str(g.op("Expand", number, g.ints(6)))


def _value_strings(g: Graph, array: Array) -> str:
    return str(g.op("Cast", g.op("Constant", value_strings=list(map(str, array.tolist()))), to=TensorProto.FLOAT))


def _constant_of_shape(g: Graph, array: Array) -> str:
    fill = numpy_helper.from_array(array[:1].astype(np.float32))
    return str(g.op("ConstantOfShape", g.ints(6), value=fill))


def _identity(g: Graph, array: Array) -> str:
    return str(g.op("Identity", g.op("Identity", g.const(array))))


def _cast_half(g: Graph, array: Array) -> str:
    return str(g.op("Cast", g.const(array, dtype=np.float16), to=TensorProto.FLOAT))


def _cast_double(g: Graph, array: Array) -> str:
    return str(g.op("Cast", g.const(array, dtype=np.float64), to=TensorProto.FLOAT))


def _cast_like(g: Graph, array: Array) -> str:
    return str(g.op("CastLike", g.const(array, dtype=np.float64), g.const([1.0])))


def _transpose_reshape(g: Graph, array: Array) -> str:
    table = g.const(array.reshape(2, 3).T)
    return str(g.op("Reshape", g.op("Transpose", table, perm=[1, 0]), g.ints(-1)))


def _concat_slice(g: Graph, array: Array) -> str:
    both = g.op("Concat", g.const(array[:3]), g.const(np.append(array[3:], 9.0)), axis=0)
    return str(g.op("Slice", both, g.ints(0), g.ints(6)))


def _gather(g: Graph, array: Array) -> str:
    table = g.const(np.stack([array + 1, array]))
    return str(g.op("Gather", table, g.const(np.array(1, np.int64)), axis=0))


def _squeeze(g: Graph, array: Array) -> str:
    return str(g.op("Squeeze", g.const(array.reshape(1, 6, 1)), g.ints(0, 2)))


def _where(g: Graph, array: Array) -> str:
    return str(g.op("Where", g.const(array > 0), g.const(array), g.op("Abs", g.const(array))))


def _arithmetic(g: Graph, array: Array) -> str:
    return str(g.op("Mul", g.op("Exp", g.op("Log", g.const(np.abs(array)))), g.const([1.0])))


def _shape_arithmetic(g: Graph, array: Array) -> str:
    length = g.op("Shape", g.const(array))
    return str(g.op("Expand", g.const(array[:1]), length))


WAYS: dict[str, tuple[str, Hide, int]] = {
    "value": ("a Constant node with a tensor", _value, 17),
    "value-floats": ("a Constant node with a list of floats", _value_floats, 17),
    "value-float": ("a Constant node with one float, expanded", _value_float, 17),
    "value-ints": ("a Constant node with integers, cast", _value_ints, 17),
    "value-int": ("a Constant node with one integer, cast and expanded", _value_int, 17),
    "sparse-value": ("a Constant node with a sparse tensor", _sparse, 17),
    "value-string": ("a Constant node with a string, cast and expanded", _value_string, 17),
    "value-strings": ("a Constant node with strings, cast", _value_strings, 17),
    "constant-of-shape": ("ConstantOfShape", _constant_of_shape, 17),
    "identity": ("two Identity nodes", _identity, 17),
    "cast-half": ("a Cast from float16", _cast_half, 17),
    "cast-double": ("a Cast from float64", _cast_double, 17),
    "cast-like": ("a CastLike from float64", _cast_like, 17),
    "transpose-reshape": ("Transpose and Reshape", _transpose_reshape, 17),
    "concat-slice": ("Concat and Slice", _concat_slice, 17),
    "gather": ("a row gathered from a table", _gather, 17),
    "squeeze": ("Squeeze", _squeeze, 17),
    "where": ("Where and Abs", _where, 17),
    "arithmetic": ("Mul, Exp and Log", _arithmetic, 17),
    "shape-expand": ("Shape and Expand", _shape_arithmetic, 17),
}


def _scale_hidden(g: Graph, hide: Hide) -> None:
    y = _stem(g)
    scale = hide(g, g.positive(6))
    rest = [g.const(values) for values in (g.normal(6), g.normal(6), g.positive(6))]
    g.out(g.op("BatchNormalization", y, scale, *rest))


for key, (text, hide, opset) in WAYS.items():
    case(f"Conv, BN whose scale is {text}", name=f"scale-{key}", opset=opset)(partial(_scale_hidden, hide=hide))


@case("Conv, BN whose four parameters are Constant nodes")
def all_constant_nodes(g: Graph) -> None:
    y = _stem(g)
    values = [g.positive(6), g.normal(6), g.normal(6), g.positive(6)]
    g.out(g.op("BatchNormalization", y, *(_value(g, value) for value in values)))


@case("Conv whose weight is a Constant node, BN")
def weight_constant_node(g: Graph) -> None:
    y = g.op("Conv", g.input(2, 4, 5, 7), _value(g, g.normal(6, 4, 3, 3)))
    g.out(g.bn(y, 6))


@case("Conv whose weight is cast from float16, BN")
def weight_cast(g: Graph) -> None:
    weight = _cast_half(g, g.normal(6, 4, 3, 3))
    g.out(g.bn(g.op("Conv", g.input(2, 4, 5, 7), weight), 6))


@case("MatMul whose matrix is transposed, BN")
def weight_transposed(g: Graph) -> None:
    weight = g.op("Transpose", g.const(g.normal(6, 5)), perm=[1, 0])
    g.out(g.bn(g.op("MatMul", g.input(3, 5), weight), 6))


@case("Conv whose weight is standardized by constant arithmetic, BN")
def weight_standardized(g: Graph) -> None:
    weight = g.const(g.normal(6, 4, 3, 3))
    centred = g.op("Sub", weight, g.op("ReduceMean", weight, axes=[1, 2, 3]))
    power = g.op("ReduceMean", g.op("Mul", centred, centred), axes=[1, 2, 3])
    weight = g.op("Div", centred, g.op("Sqrt", g.op("Add", power, g.const(1e-5))))
    g.out(g.bn(g.op("Conv", g.input(2, 4, 5, 7), weight), 6))


@case("frozen BN: scale and shift computed from the four parameters with Sqrt and Reciprocal")
def frozen_bn(g: Graph) -> None:
    y = _stem(g)
    gamma, beta, mean, variance = (
        g.const(v.reshape(1, 6, 1, 1)) for v in (g.positive(6), g.normal(6), g.normal(6), g.positive(6))
    )
    root = g.op("Reciprocal", g.op("Sqrt", g.op("Add", variance, g.const(1e-5))))
    scale = g.op("Mul", gamma, root)
    shift = g.op("Sub", beta, g.op("Mul", mean, scale))
    g.out(g.op("Add", g.op("Mul", y, scale), shift))


@case("frozen BN written as (x - mean) / sqrt(variance + epsilon) * gamma + beta")
def frozen_bn_direct(g: Graph) -> None:
    y = g.op("Sub", _stem(g), g.along(g.normal(6)))
    y = g.op("Div", y, g.op("Sqrt", g.op("Add", g.along(g.positive(6)), g.const(1e-5))))
    g.out(g.shift(g.scale(y, 6), 6))


@case("frozen BN with Pow(variance + epsilon, -0.5)")
def frozen_bn_pow(g: Graph) -> None:
    root = g.op("Pow", g.op("Add", g.along(g.positive(6)), g.const(1e-5)), g.const(-0.5))
    g.out(g.shift(g.op("Mul", _stem(g), root), 6))


@case("torch's exporter without optimizer: BN scale through Shape, Expand and CastLike", opset=18)
def torch_expand_castlike(g: Graph) -> None:
    y = _stem(g)
    mean, variance = g.const(g.normal(6)), g.const(g.positive(6))
    one = g.op("CastLike", g.op("Constant", value_float=1.0), variance)
    scale = g.op("Mul", g.op("Expand", one, g.op("Shape", mean)), g.const(g.positive(6)))
    g.out(g.op("BatchNormalization", y, scale, g.const(g.normal(6)), mean, variance))


@case("Conv, Mul whose constant has the full shape but varies along channels only")
def full_shape_constant(g: Graph) -> None:
    y = _stem(g)
    scale = np.broadcast_to(g.positive(6).reshape(1, 6, 1, 1), (1, 6, 3, 5))
    g.out(g.op("Mul", y, g.const(scale)))


@case("Conv, BN, Add of a constant that varies along positions too")
def bn_position_embedding(g: Graph) -> None:
    g.out(g.op("Add", g.bn(_stem(g), 6), g.const(g.normal(1, 6, 3, 5))))


@case("Conv, Add of a constant that varies along positions too, BN as output")
def position_embedding_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Add", _stem(g), g.const(g.normal(1, 6, 3, 5))), 6))


@case("Conv, Mul by a constant that varies along positions too, Mul as output")
def position_mask_mul(g: Graph) -> None:
    g.out(g.scale(g.op("Mul", _stem(g), g.const(g.positive(1, 6, 3, 5))), 6))


@case("patches, a constant class token in front, Mul and Add along the last axis as output")
def class_token_scale_shift(g: Graph) -> None:
    y = g.op("Transpose", g.op("Reshape", _stem(g), g.ints(0, 6, -1)), perm=[0, 2, 1])
    y = g.op("Concat", g.const(g.normal(2, 1, 6)), y, axis=1)
    g.out(g.shift(g.scale(y, 6, axis=2, rank=3), 6, axis=2, rank=3))


@case("two BNs that share all four parameters")
def shared_parameters(g: Graph) -> None:
    x = g.input(2, 4, 5, 7)
    names = [g.const(values) for values in (g.positive(6), g.normal(6), g.normal(6), g.positive(6))]
    left = g.op("BatchNormalization", g.conv(x, 4, 6, 3), *names)
    g.out(left, g.op("BatchNormalization", g.conv(x, 4, 6), *names))


@case("two Convs that share one weight, one of them in front of a BN")
def shared_weight(g: Graph) -> None:
    x, other = g.input(2, 4, 5, 7), g.input(2, 4, 6, 6, name="other")
    weight, bias = g.const(g.normal(6, 4, 3, 3)), g.const(g.normal(6))
    g.out(g.bn(g.op("Conv", x, weight, bias), 6), g.op("Conv", other, weight, bias))


@case("two Convs that share one weight, in front of different BNs")
def shared_weight_two_bns(g: Graph) -> None:
    x, other = g.input(2, 4, 5, 7), g.input(2, 4, 6, 6, name="other")
    weight = g.const(g.normal(6, 4, 3, 3))
    g.out(g.bn(g.op("Conv", x, weight), 6), g.bn(g.op("Conv", other, weight), 6))


@case("a bias that is also the mean of the BN behind it")
def shared_bias_mean(g: Graph) -> None:
    x, vector = g.input(2, 4, 5, 7), g.const(g.normal(6))
    y = g.op("Conv", x, g.const(g.normal(6, 4, 3, 3)), vector)
    g.out(g.op("BatchNormalization", y, g.const(g.positive(6)), g.const(g.normal(6)), vector, g.const(g.positive(6))))


@case("a weight that is an output of the model too")
def weight_is_output(g: Graph) -> None:
    x, weight = g.input(2, 4, 5, 7), g.const(g.normal(6, 4, 3, 3))
    y = g.bn(g.op("Conv", x, weight), 6)
    g.out(y, g.op("Identity", weight))


@case("a Conv and a constant, Concat over channels, BN")
def constant_operand_concat(g: Graph) -> None:
    y, extra = _stem(g), g.const(g.normal(2, 1, 3, 5))
    g.out(g.bn(g.op("Concat", y, extra, axis=1), 7))
