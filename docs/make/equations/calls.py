"""The calls whose equations are shown: of every operator the plain one, and those that a side condition is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from docs.make.equations.case import Case, Free

X = Free("x", (2, 4, 4, 4))
Z = Free("z", (2, 4, 4, 4))
GATE = Free("z", (2, 4, 1, 1))
ROWS = Free("x", (2, 4))
TOKENS = Free("x", (2, 3, 4))
CHANNEL = np.asarray([2.0, -3.0, 5.0, 7.0]).reshape(4, 1, 1)
PLACES = np.arange(2.0, 18.0).reshape(4, 4)
"""Numbers that change along two axes, so that they are no per-channel constant."""


def _weight(*shape: int) -> np.ndarray:
    return np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)


def _pads(*widths: int) -> np.ndarray:
    return np.asarray(widths, np.int64)


W3, W1, KERNEL = _weight(4, 4, 3, 3), _weight(4, 4, 1, 1), {"kernel_shape": [3, 3]}
MATRIX, BIAS = _weight(4, 5), np.arange(1.0, 6.0) / 3
NORMALIZATION = tuple(np.linspace(-1, 2, 4) / 3 + shift for shift in (1 / 7, 0.0, 0.0, 1.0))
BORDER = [1, 1, 1, 1]
INTEGERS = np.arange(16, dtype=np.float64).reshape(4, 4, 1, 1)

CALLS: Mapping[str, Sequence[Case]] = {
    "Conv": (
        Case("Conv", (X, W3)),
        Case("Conv", (X, W3), {"pads": BORDER}),
        Case("Conv", (X, W1), {"auto_pad": "SAME_UPPER"}),
        Case("Conv", (X, W3), {"auto_pad": "SAME_UPPER"}),
        Case("Conv", (X, W3), computed=frozenset({1})),
    ),
    "ConvTranspose": (
        Case("ConvTranspose", (X, W3)),
        Case("ConvTranspose", (X, W3), {"pads": [2, 2, 2, 2]}),
        Case("ConvTranspose", (X, _weight(4, 4, 2, 2)), {"strides": [2, 2]}),
    ),
    "Gemm": (Case("Gemm", (ROWS, MATRIX, BIAS)), Case("Gemm", (ROWS, MATRIX, BIAS), computed=frozenset({2}))),
    "MatMul": (
        Case("MatMul", (ROWS, MATRIX)),
        Case("MatMul", (TOKENS, MATRIX)),
        Case("MatMul", (_weight(5, 3), TOKENS)),
        Case("MatMul", (Free("x", (2, 3, 4, 5)), _weight(3, 5, 6))),
        Case("MatMul", (Free("x", (2, 3, 4)), Free("z", (2, 4, 5)))),
    ),
    "BatchNormalization": (
        Case("BatchNormalization", (X, *NORMALIZATION)),
        Case("BatchNormalization", (X, *NORMALIZATION), {"training_mode": 1}, outputs=3),
    ),
    "Add": (
        Case("Add", (X, CHANNEL)),
        Case("Add", (X, Z)),
        Case("Add", (X, GATE)),
        Case("Add", (X, PLACES)),
        Case("Add", (Free("x", (2, 1, 4, 4)), CHANNEL)),
    ),
    "Sub": (
        Case("Sub", (X, CHANNEL)),
        Case("Sub", (CHANNEL, X)),
        Case("Sub", (X, Z)),
    ),
    "Sum": (Case("Sum", (X, Z)),),
    "Mul": (
        Case("Mul", (X, CHANNEL)),
        Case("Mul", (X, Z)),
        Case("Mul", (X, GATE)),
    ),
    "Div": (
        Case("Div", (X, CHANNEL)),
        Case("Div", (CHANNEL, X)),
        Case("Div", (X, Z)),
    ),
    "Neg": (Case("Neg", (X,)),),
    "Max": (Case("Max", (X, Z)), Case("Max", (X, 2.0))),
    "Min": (Case("Min", (X, Z)),),
    "Abs": (Case("Abs", (X,)),),
    "Relu": (Case("Relu", (X,)),),
    "LeakyRelu": (Case("LeakyRelu", (X,), {"alpha": 0.5}),),
    "PRelu": (Case("PRelu", (X, CHANNEL)), Case("PRelu", (X, CHANNEL), computed=frozenset({1}))),
    "Clip": (Case("Clip", (X, 0.0)), Case("Clip", (X, 0.0, 6.0))),
    "MaxPool": (Case("MaxPool", (X,), {**KERNEL, "pads": BORDER}),),
    "GlobalMaxPool": (Case("GlobalMaxPool", (X,)),),
    "AveragePool": (
        Case("AveragePool", (X,), {**KERNEL, "pads": BORDER}),
        Case("AveragePool", (X,), {**KERNEL, "pads": BORDER, "count_include_pad": 1}),
    ),
    "GlobalAveragePool": (Case("GlobalAveragePool", (X,)),),
    "ReduceMean": (Case("ReduceMean", (X,), {"axes": [2, 3]}), Case("ReduceMean", (X,), {"axes": [1]})),
    "ReduceMax": (Case("ReduceMax", (X,), {"axes": [2, 3]}),),
    "ReduceMin": (Case("ReduceMin", (X,), {"axes": [2, 3]}),),
    "ReduceSum": (Case("ReduceSum", (X, _pads(2, 3))), Case("ReduceSum", (X, _pads(0, 2)), dynamic=True)),
    "Identity": (Case("Identity", (X,)),),
    "Dropout": (Case("Dropout", (X,)),),
    "Transpose": (Case("Transpose", (X,), {"perm": [0, 2, 3, 1]}),),
    "Reshape": (
        Case("Reshape", (X, _pads(2, 4, 16))),
        Case("Reshape", (Free("x", (2, 4, 1, 2)), _pads(2, 8))),
        Case("Reshape", (X, _pads(2, 2, 2, 4, 4))),
    ),
    "Flatten": (Case("Flatten", (Free("x", (2, 4, 1, 2)),)),),
    "Squeeze": (Case("Squeeze", (Free("x", (2, 4, 1, 1)), _pads(2, 3))),),
    "Unsqueeze": (Case("Unsqueeze", (ROWS, _pads(1))),),
    "Expand": (Case("Expand", (Free("x", (1, 4, 1, 1)), _pads(2, 4, 4, 4))),),
    "Concat": (
        Case("Concat", (X, Z), {"axis": 1}),
        Case("Concat", (X, _weight(2, 2, 4, 4)), {"axis": 1}),
        Case("Concat", (Free("x", (1, 2, 1, 3)), Free("z", (1, 2, 1, 3))), {"axis": 2}),
        Case("Concat", (X, Z), {"axis": 0}, dynamic=True),
    ),
    "Split": (Case("Split", (X, _pads(2, 2)), {"axis": 1}, outputs=2),),
    "Slice": (Case("Slice", (X, _pads(1), _pads(3), _pads(1))), Case("Slice", (X, _pads(1), _pads(3), _pads(2)))),
    "Gather": (Case("Gather", (X, _pads(3, 0)), {"axis": 1}),),
    "DepthToSpace": (
        Case("DepthToSpace", (Free("x", (1, 8, 2, 2)),), {"blocksize": 2}),
        Case("DepthToSpace", (Free("x", (1, 8, 2, 2)),), {"blocksize": 2, "mode": "CRD"}),
    ),
    "SpaceToDepth": (Case("SpaceToDepth", (Free("x", (1, 2, 2, 2)),), {"blocksize": 2}),),
    "Pad": (
        Case("Pad", (X, _pads(0, 0, 1, 1, 0, 0, 1, 1))),
        Case("Pad", (X, _pads(0, 1, 0, 0, 0, 1, 0, 0))),
        Case("Pad", (X, _pads(0, 0, 1, 1, 0, 0, 1, 1)), {"mode": "reflect"}),
        Case("Pad", (X, _pads(0, 0, 1, 1, 0, 0, 1, 1), 2.0)),
    ),
    "Resize": (
        Case("Resize", (X, None, np.asarray([1, 1, 2, 2], np.float32)), {"mode": "linear"}),
        Case("Resize", (X, None, np.asarray([1, 1, 2, 2], np.float32)), {"mode": "cubic"}),
        Case("Resize", (X, None, np.asarray([1, 2, 1, 1], np.float32))),
    ),
    "Upsample": (Case("Upsample", (X, np.asarray([1, 1, 2, 2], np.float32)), opset=9),),
}
"""By operator."""

QUANTIZED: Sequence[Case] = (
    Case("Conv", (X, INTEGERS), quantized={1: _weight(4, 1, 1, 1) + 2}),
    Case("Conv", (X, INTEGERS), quantized={1: np.asarray(2.0)}),
    Case("Conv", (X, INTEGERS), quantized={1: np.asarray(2.0)}, opset=11),
)
"""Layers whose weight is stored as integers."""

ELSEWHERE: Sequence[Case] = (
    Case("Sigmoid", (X,)),
    Case("Shape", (X,)),
    Case("Identity", (X,), public=True),
    Case("Identity", (PLACES,), computed=frozenset({0})),
)
"""Operators without a rule, and where the network ends."""

FURTHER: Sequence[Case] = (
    Case("Relu", (X,)),
    Case("Clip", (X, 0.0, 6.0)),
    Case("Conv", (X, W3), {"pads": BORDER}),
    Case("Pad", (X, _pads(0, 0, 1, 1, 0, 0, 1, 1))),
    Case("Pad", (X, _pads(0, 0, 1, 1, 0, 0, 1, 1), 2.0)),
    Case("MatMul", (TOKENS, MATRIX)),
)
"""Operators that have a dearer form."""
