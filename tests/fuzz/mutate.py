"""Damaged models: bytes that rot, and graphs that are well-formed protobuf and nonsense."""

from __future__ import annotations

import random
from collections.abc import Callable

import onnx

INTERESTING = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff\x0f", b"\x00" * 8)
SIZES = (0, 1, -1, 2, 3, 2**31, 2**62, -(2**63))
OPERATORS = (
    "Conv",
    "Gemm",
    "MatMul",
    "Reshape",
    "Concat",
    "Loop",
    "BatchNormalization",
    "Transpose",
    "Nothing",
    "",
    "Add",
)


def mutated_bytes(whole: bytes, rng: random.Random) -> bytes:
    """One to eight changes of any kind of file."""
    data = bytearray(whole)
    for _ in range(rng.randint(1, 8)):
        if not data:
            return b""
        start = rng.randrange(len(data))
        end = min(len(data), start + rng.choice((1, 1, 4, 64, 1024)))
        match rng.randrange(6):
            case 0:
                data[start] ^= 1 << rng.randrange(8)
            case 1:
                data[start:end] = rng.choice(INTERESTING)
            case 2:
                del data[start:end]
            case 3:
                data[start:start] = data[start:end]
            case 4:
                data[start:end] = rng.randbytes(end - start)
            case 5:
                if rng.random() < 0.3:
                    del data[start:]
    return bytes(data)


def mutated_graph(whole: bytes, rng: random.Random) -> bytes:
    """One to four changes of what an ONNX model says, or of its bytes if it is none."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(whole)
    except Exception:
        return mutated_bytes(whole, rng)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_CHANGES)(model, rng)
    return model.SerializeToString()


def _node(model: onnx.ModelProto, rng: random.Random) -> onnx.NodeProto:
    return rng.choice(model.graph.node) if model.graph.node else model.graph.node.add()


def _operator(model: onnx.ModelProto, rng: random.Random) -> None:
    _node(model, rng).op_type = rng.choice(OPERATORS)


def _input(model: onnx.ModelProto, rng: random.Random) -> None:
    names = [name for node in model.graph.node for name in (*node.input, *node.output)] or ["x"]
    node = _node(model, rng)
    if node.input and rng.random() < 0.7:
        node.input[rng.randrange(len(node.input))] = rng.choice([*names, "", "missing"])
    elif node.input and rng.random() < 0.5:
        del node.input[rng.randrange(len(node.input))]
    else:
        node.input.append(rng.choice(names))


def _output(model: onnx.ModelProto, rng: random.Random) -> None:
    node = _node(model, rng)
    if node.output and rng.random() < 0.5:
        node.output[0] = rng.choice([name for other in model.graph.node for name in other.output] or [""])
    else:
        node.output.append(f"extra{rng.randrange(9)}")


def _order(model: onnx.ModelProto, rng: random.Random) -> None:
    nodes = list(model.graph.node)
    rng.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _attribute(model: onnx.ModelProto, rng: random.Random) -> None:
    node = _node(model, rng)
    if not node.attribute:
        name = rng.choice(("group", "axis", "epsilon", "pads", "alpha"))
        node.attribute.append(onnx.helper.make_attribute(name, rng.choice((0, 7, 1.5, [1], [-1, 9], "x"))))
        return
    attribute = rng.choice(node.attribute)
    if attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(SIZES)
    elif rng.random() < 0.3:
        attribute.type = rng.randrange(15)
    else:
        attribute.i, attribute.f = rng.choice(SIZES), rng.choice((0.0, float("nan"), float("inf"), -1.0))


def _tensor(model: onnx.ModelProto, rng: random.Random) -> None:
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    match rng.randrange(6):
        case 0 if tensor.dims:
            tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(SIZES)
        case 1:
            tensor.data_type = rng.randrange(30)
        case 2:
            tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
        case 3:
            tensor.name = rng.choice([other.name for other in model.graph.initializer])
        case 4:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=rng.choice(("nowhere", "/etc/passwd", "../up", "")))
        case _:
            tensor.dims.append(rng.choice(SIZES))


def _shape(model: onnx.ModelProto, rng: random.Random) -> None:
    values = [*model.graph.input, *model.graph.output]
    if not values:
        return
    value = rng.choice(values)
    dims = value.type.tensor_type.shape.dim
    if dims and rng.random() < 0.6:
        rng.choice(dims).dim_value = rng.choice(SIZES)
    elif rng.random() < 0.5:
        value.type.tensor_type.elem_type = rng.randrange(30)
    else:
        value.name = rng.choice(("", "x", "input", value.name))


def _version(model: onnx.ModelProto, rng: random.Random) -> None:
    if rng.random() < 0.5 or not model.opset_import:
        model.ir_version = rng.choice((*SIZES, 3, 9))
    else:
        model.opset_import[0].version = rng.choice((*SIZES, 6, 9, 22, 99))


_CHANGES: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    _operator,
    _input,
    _output,
    _order,
    _attribute,
    _tensor,
    _shape,
    _version,
)
