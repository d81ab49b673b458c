"""A short way to write a small ONNX model with seeded random weights."""

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = np.ndarray[Any, np.dtype[Any]]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


class Graph:
    """A model under construction; every method that adds a node returns the name of its output."""

    def __init__(self, *, opset: int = 17, ir_version: int = 8, dtype: Any = np.float32, seed: int = 0) -> None:
        self.opset = opset
        self.ir_version = ir_version
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(seed)
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[str] = []
        self.shapes: dict[str, Sequence[int]] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.functions: list[onnx.FunctionProto] = []
        self.metadata: dict[str, str] = {}
        self._count = 0

    def name(self, stem: str) -> str:
        """A new name."""
        self._count += 1
        return f"{stem.lower()}{self._count}"

    def input(self, *shape: int | str | None, name: str = "x", dtype: Any = None) -> str:
        """A graph input; a string is an open dimension."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype))
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def const(self, value: Any, *, name: str | None = None, dtype: Any = None) -> str:
        """An initializer; floats are stored in the model's type unless told otherwise."""
        array = np.asarray(value)
        if dtype is not None or array.dtype.kind == "f":
            array = array.astype(dtype or self.dtype)
        name = name or self.name("const")
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def overridable(self, name: str) -> str:
        """Make an initializer a graph input too, so that a caller may replace it."""
        (tensor,) = (weight for weight in self.weights if weight.name == name)
        self.inputs.append(helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)))
        return name

    def normal(self, *shape: int) -> Array:
        """Values around 0, none of them near it."""
        values = self.rng.uniform(0.3, 1.2, shape)
        return np.asarray(values * self.rng.choice([-1.0, 1.0], shape))

    def positive(self, *shape: int) -> Array:
        """Values between 0.5 and 1.5."""
        return self.rng.uniform(0.5, 1.5, shape)

    def mixed(self, *shape: int) -> Array:
        """Values of both signs, in turns."""
        values = self.positive(*shape).reshape(-1)
        values[::2] *= -1
        return values.reshape(shape)

    def op(self, kind: str, *inputs: str, outputs: int | Sequence[str] = 1, domain: str = "", **attributes: Any) -> Any:
        """A node; returns the name of its output, or the list of names if there are several."""
        names = [self.name(kind) for _ in range(outputs)] if isinstance(outputs, int) else list(outputs)
        node = helper.make_node(kind, list(inputs), names, name=f"{names[0]}.node", domain=domain, **attributes)
        self.nodes.append(node)
        return names[0] if len(names) == 1 else names

    def conv(
        self,
        x: str,
        cin: int,
        cout: int,
        kernel: int = 1,
        *,
        dims: int = 2,
        pad: int = 0,
        group: int = 1,
        bias: bool = True,
        **attributes: Any,
    ) -> str:
        """A convolution over `dims` spatial axes."""
        weight = self.normal(cout, cin // group, *(kernel,) * dims) / np.sqrt(cin // group * kernel**dims)
        inputs = [x, self.const(weight), *([self.const(self.normal(cout))] if bias else [])]
        if pad:
            attributes["pads"] = [pad] * (2 * dims)
        return str(self.op("Conv", *inputs, group=group, **attributes))

    def deconv(
        self, x: str, cin: int, cout: int, kernel: int = 2, *, dims: int = 2, group: int = 1, **attributes: Any
    ) -> str:
        """A transposed convolution."""
        weight = self.normal(cin, cout // group, *(kernel,) * dims) / np.sqrt(cin * kernel**dims)
        return str(self.op("ConvTranspose", x, self.const(weight), group=group, **attributes))

    def gemm(self, x: str, cin: int, cout: int, **attributes: Any) -> str:
        """A Gemm with a bias of one value per output."""
        weight = self.normal(cout, cin) if attributes.get("transB") else self.normal(cin, cout)
        return str(self.op("Gemm", x, self.const(weight), self.const(self.normal(cout)), **attributes))

    def matmul(self, x: str, cin: int, cout: int, *, bias: bool = False) -> str:
        """A MatMul by a constant matrix, and the Add that is its bias."""
        y = self.op("MatMul", x, self.const(self.normal(cin, cout)))
        return str(self.op("Add", y, self.const(self.normal(cout))) if bias else y)

    def bn(self, x: str, channels: int, *, gamma: Any = None, dtypes: Any = None, **attributes: Any) -> str:
        """A batch normalization; gammas are positive unless given."""
        values = [self.positive(channels) if gamma is None else np.asarray(gamma, np.float64)]
        values += [self.normal(channels), self.normal(channels), self.positive(channels)]
        dtypes = dtypes or [self.dtype] * 4
        names = [self.const(value, dtype=dtype) for value, dtype in zip(values, dtypes, strict=True)]
        return str(self.op("BatchNormalization", x, *names, **attributes))

    def along(self, values: Array, axis: int = 1, rank: int = 4) -> str:
        """A constant that varies along one axis of a tensor of `rank`."""
        shape = [1] * rank
        shape[axis] = -1
        return self.const(values.reshape(shape))

    def scale(self, x: str, channels: int, axis: int = 1, rank: int = 4, *, values: Any = None) -> str:
        """Mul by a positive constant per channel (or by `values`)."""
        return str(self.op("Mul", x, self.along(self.positive(channels) if values is None else values, axis, rank)))

    def shift(self, x: str, channels: int, axis: int = 1, rank: int = 4) -> str:
        """Add a constant per channel."""
        return str(self.op("Add", x, self.along(self.normal(channels), axis, rank)))

    def ints(self, *values: int) -> str:
        """An int64 constant of rank 1."""
        return self.const(np.array(values, np.int64))

    def out(self, *names: str, shape: Sequence[int] | None = None) -> None:
        """Graph outputs; `shape` is needed where inference cannot tell it."""
        self.outputs += names
        self.shapes |= {name: shape for name in names if shape is not None}

    def model(self) -> onnx.ModelProto:
        """The finished model, outputs typed by shape inference."""
        outputs = [onnx.ValueInfoProto(name=name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "case", self.inputs, outputs, self.weights)
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(domain, 1) for domain in {function.domain for function in self.functions}]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=self.ir_version, functions=self.functions, producer_name="case"
        )
        if self.ir_version < 4:
            given = {value.name for value in self.inputs}
            for tensor in self.weights:
                if tensor.name not in given:
                    graph_input = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
                    model.graph.input.append(graph_input)
        helper.set_model_props(model, self.metadata)
        known = onnx.shape_inference.infer_shapes(model).graph.output
        for value, inferred in zip(model.graph.output, known, strict=True):
            value.CopyFrom(inferred)
            if value.name in self.shapes:
                kind = helper.np_dtype_to_tensor_dtype(self.dtype)
                value.CopyFrom(helper.make_tensor_value_info(value.name, kind, self.shapes[value.name]))
        return model
