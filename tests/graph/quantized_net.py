"""Networks with quantized weights, and what must hold of their folds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from tests.gauge.contract import assert_interface, runtime
from tests.networks import Folded, Net, disagreement, fold

TYPES = {
    "int8": (np.int8, TensorProto.INT8),
    "uint8": (np.uint8, TensorProto.UINT8),
    "int32": (np.int32, TensorProto.INT32),
    "int4": (ml_dtypes.int4, TensorProto.INT4),
    "uint4": (ml_dtypes.uint4, TensorProto.UINT4),
}


RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int32": (-(2**30), 2**30), "int4": (-8, 7), "uint4": (0, 15)}


@dataclass(repr=False)
class QNet(Net):
    """A network that may have integers as constants."""

    opset: int = 21
    integers: list[onnx.TensorProto] = field(default_factory=list)

    def stored(self, kind: str, shape: Sequence[int], values: np.ndarray | None = None) -> str:
        low, high = RANGES[kind]
        dtype, code = TYPES[kind]
        if values is None:
            values = self.random.integers(low, high + 1, shape)
        name = f"q{len(self.integers)}"
        self.integers.append(helper.make_tensor(name, code, list(shape), values.astype(dtype).reshape(-1).tolist()))
        self.types[name] = helper.make_tensor_type_proto(code, list(shape))
        return name

    def dequantized(
        self,
        shape: Sequence[int],
        *,
        kind: str = "int8",
        scale: Sequence[int] = (),
        zero: bool = True,
        **attributes: int,
    ) -> str:
        """A constant of integers, with scales of this shape."""
        size = {"int8": 64, "uint8": 64, "int32": 2**29, "int4": 4, "uint4": 4}[kind]
        scales = self.constant(self.random.uniform(0.5, 1, scale) / size)
        operands = [self.stored(kind, shape), scales]
        if zero:
            low, high = RANGES[kind]
            middle = (low + high) // 2
            operands.append(self.stored(kind, scale, self.random.integers(middle - 2, middle + 3, scale)))
        return self.node("DequantizeLinear", *operands, **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        made = super().model(*outputs)
        made.graph.initializer.extend(self.integers)
        made.ir_version = 10
        return made


def integers(model: ir.Model) -> dict[str, bytes]:
    """What every DequantizeLinear reads, by the bytes."""
    return {
        tensor.name: tensor.tobytes()
        for node in model.graph.all_nodes()
        if node.op_type == "DequantizeLinear"
        for tensor in [node.inputs[0].const_value]
        if tensor is not None
    }


RUNS = 27
"""The newest operator set that ONNX Runtime runs."""


def check(net: QNet, *outputs: str) -> Folded:
    proto = net.model(*outputs)
    onnx.checker.check_model(proto, full_check=True)
    folded = fold(proto)
    assert disagreement(folded, net.feeds()) <= 1e-10
    assert_interface(folded)
    after = ir.to_proto(folded.rounded)
    onnx.checker.check_model(after, full_check=True)
    before = integers(folded.prepared)
    assert all(before[name] == value for name, value in integers(folded.rounded).items())
    scales = [node.inputs[1].const_value.numpy() for node in folded.rounded.graph if node.op_type == "DequantizeLinear"]
    assert all((scale > 0).all() for scale in scales)
    if net.opset <= RUNS:
        for expected, value in zip(runtime(proto, net.feeds()), runtime(after, net.feeds()), strict=True):
            np.testing.assert_allclose(expected, value, rtol=1e-3, atol=1e-4)
    return folded


def ops(folded: Folded) -> list[str]:
    return [node.op_type for node in folded.rounded.graph]
