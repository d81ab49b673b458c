"""What the tables of the code cannot tell about an operator."""

from __future__ import annotations

from collections.abc import Mapping

PER_CHANNEL = "the constant has one element, or one per channel of any single axis, and keeps the shape of its operand"
PASSING = f"{PER_CHANNEL}; along another axis than the units it stays and lets a scale pass"
MOVED = "sizes and indices along the channels must be known"
RESIZED = (
    "not along the channels, which a scale other than 1 there would mix even where their number stays; not"
    " tf_crop_and_resize"
)

RESTRICTIONS: Mapping[str, str] = {
    "Add": PER_CHANNEL,
    "AveragePool": "count_include_pad with real padding needs T = 0",
    "BatchNormalization": "inference mode, constant parameters",
    "Cast": "to the same type counts as Identity",
    "CastLike": "to the same type counts as Identity",
    "Clip": "min = 0 and no max; `eliminate` takes any constant bounds",
    "Concat": MOVED,
    "Conv": "constant weight and bias; zero padding that is really read needs T = 0",
    "ConvTranspose": "input T = 0 unless stride 1, no output_padding, and pads ≥ dilation · (kernel − 1)",
    "DepthToSpace": "channels that land in one output channel share their units",
    "Div": f"{PASSING}; c / x is not affine",
    "Dropout": "inference, mask unused",
    "Expand": MOVED,
    "Flatten": MOVED,
    "Gather": MOVED,
    "Gemm": "B and C constant; any alpha, beta, transA, transB",
    "MatMul": (
        "constant matrices on the right or on the left, one or a stack; the Add of one constant per feature that alone"
        " reads it is its bias. Of two tensors: uniform units along the contracted axis"
    ),
    "Mul": PASSING,
    "PRelu": "constant slope",
    "Pad": "constant 0, reflect, edge, wrap, or crop; added channels of zeros have T = 0",
    "ReduceSum": "an unknown number of summands needs T = 0",
    "Reshape": MOVED,
    "Resize": f"{RESIZED}; cubic needs T = 0",
    "Slice": MOVED,
    "SpaceToDepth": "sizes along the channels must be known",
    "Split": MOVED,
    "Squeeze": MOVED,
    "Sub": PER_CHANNEL,
    "Transpose": MOVED,
    "Unsqueeze": MOVED,
    "Upsample": RESIZED,
}
"""By operator; one without an entry has none."""
