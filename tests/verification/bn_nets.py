"""Small ONNX networks with batch normalizations, and their exact folds, built without an exporter."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper


def single(op: str, arrays: dict[str, np.ndarray], outputs: int = 1, opset: int = 17, **attributes) -> onnx.ModelProto:
    """A model of one node whose inputs are all graph inputs; an empty name is an input left out."""
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in arrays.items()
        if n
    ]
    names = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, list(arrays), names, name="node", **attributes)
    outs = [onnx.ValueInfoProto(name=n) for n in names]
    graph = helper.make_graph([node], "g", inputs, outs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@dataclass
class Net:
    """A residual network as node list; `fold` says whether to write its BNs or their exact fold."""

    seed: int = 0
    width: int = 8
    blocks: int = 2
    dtype: type = np.float32
    nodes: list = field(default_factory=list)
    weights: dict = field(default_factory=dict)

    def conv_bn(self, x: str, cin: int, cout: int, k: int, stride: int, fold: bool, rng: np.random.Generator) -> str:
        n = f"c{len([v for v in self.nodes if v.op_type == 'Conv'])}"
        w = rng.normal(0, np.sqrt(2 / (cin * k * k)), (cout, cin, k, k)).astype(self.dtype)
        scale, bias, mean, var = (
            a.astype(self.dtype)
            for a in (rng.uniform(0.5, 1.5, cout), *rng.normal(0, 0.3, (2, cout)), rng.uniform(0.5, 2, cout))
        )
        at = {"strides": [stride] * 2, "pads": [k // 2] * 4, "kernel_shape": [k, k]}
        if fold:
            a = scale.astype(float) / np.sqrt(var.astype(float) + float(np.float32(1e-5)))
            self.weights |= {f"{n}.w": w * a[:, None, None, None], f"{n}.b": bias - a * mean}
            self.nodes.append(helper.make_node("Conv", [x, f"{n}.w", f"{n}.b"], [f"{n}.y"], name=n, **at))
            return f"{n}.y"
        names = [f"{n}.{s}" for s in ("scale", "beta", "mean", "var")]
        self.weights |= {f"{n}.w": w} | dict(zip(names, (scale, bias, mean, var), strict=True))
        self.nodes.append(helper.make_node("Conv", [x, f"{n}.w"], [f"{n}.z"], name=n, **at))
        bn = helper.make_node("BatchNormalization", [f"{n}.z", *names], [f"{n}.y"], name=f"{n}.bn", epsilon=1e-5)
        self.nodes.append(bn)
        return f"{n}.y"

    def relu(self, x: str) -> str:
        self.nodes.append(helper.make_node("Relu", [x], [x + ".r"], name=x + ".relu"))
        return x + ".r"

    def build(self, fold: bool) -> onnx.ModelProto:
        """Stem, residual blocks, every second one strided, pool, linear layer: (n,3,16,16) -> (n,10)."""
        self.nodes, self.weights = [], {}
        rng = np.random.default_rng(self.seed)
        x, c = self.relu(self.conv_bn("x", 3, self.width, 3, 1, fold, rng)), self.width
        for block in range(self.blocks):
            stride = 1 if block % 2 == 0 else 2
            out = c * stride
            h = self.relu(self.conv_bn(x, c, out, 3, stride, fold, rng))
            h = self.conv_bn(h, out, out, 3, 1, fold, rng)
            short = x if stride == 1 else self.conv_bn(x, c, out, 1, stride, fold, rng)
            self.nodes.append(helper.make_node("Add", [h, short], [f"add{block}"], name=f"add{block}"))
            x, c = self.relu(f"add{block}"), out
        self.weights["fc.w"] = rng.normal(0, 0.3, (c, 10)).astype(self.dtype)
        self.nodes += [
            helper.make_node("GlobalAveragePool", [x], ["gap"], name="gap"),
            helper.make_node("Flatten", ["gap"], ["flat"], name="flat"),
            helper.make_node("MatMul", ["flat", "fc.w"], ["y"], name="fc"),
        ]
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", kind, ["n", 3, 16, 16])],
            [helper.make_tensor_value_info("y", kind, ["n", 10])],
            [numpy_helper.from_array(w, n) for n, w in self.weights.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def original(self) -> onnx.ModelProto:
        return self.build(fold=False)

    def exact(self) -> onnx.ModelProto:
        return self.build(fold=True)

    def folded(self) -> onnx.ModelProto:
        return mapped(self.exact(), lambda _, w: w.astype(self.dtype))


def mapped(model: onnx.ModelProto, change: Callable[[str, np.ndarray], np.ndarray]) -> onnx.ModelProto:
    """A copy whose initializers went through `change(name, values)`."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    for tensor in copy.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(change(tensor.name, numpy_helper.to_array(tensor).copy()), tensor.name))
    return copy


def saved(model: onnx.ModelProto, path: Path) -> Path:
    onnx.save(model, path)
    return path


def as_ir(model: onnx.ModelProto) -> ir.Model:
    return ir.from_proto(model)
