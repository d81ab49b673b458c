"""Pools, reductions and resampling: averages keep any units, maxima a positive scale, zeros no shift."""

from functools import partial

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("through pools and resampling")
ZEROS = "zeros counted in have no shift"


def _stem(g: Graph) -> str:
    return g.conv(g.input(2, 4, 6, 8), 4, 6, 3, pad=1)


def _pool(g: Graph, kind: str, negative: bool = False, **attributes: object) -> None:
    gamma = g.mixed(6) if negative else None
    g.out(g.bn(g.op(kind, _stem(g), **attributes), 6, gamma=gamma))


WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2]}
BORDER = {**WINDOW, "pads": [1, 1, 1, 1]}
MAXIMUM = "a maximum passes no negative scale"

case("Conv, MaxPool, BN", name="maxpool-bn")(partial(_pool, kind="MaxPool", **WINDOW))
case("Conv, padded MaxPool, BN", name="maxpool-padded-bn")(partial(_pool, kind="MaxPool", **BORDER))
case("Conv, MaxPool, BN with gammas of both signs", 1, MAXIMUM, name="maxpool-bn-negative")(
    partial(_pool, kind="MaxPool", negative=True, **WINDOW)
)
case("Conv, GlobalMaxPool, BN", name="globalmaxpool-bn")(partial(_pool, kind="GlobalMaxPool"))
case("Conv, GlobalMaxPool, BN with gammas of both signs", 1, MAXIMUM, name="globalmaxpool-bn-negative")(
    partial(_pool, kind="GlobalMaxPool", negative=True)
)
case("Conv, AveragePool, BN with gammas of both signs", name="averagepool-bn")(
    partial(_pool, kind="AveragePool", negative=True, **WINDOW)
)
case("Conv, padded AveragePool that counts no zeros, BN", name="averagepool-padded-bn")(
    partial(_pool, kind="AveragePool", **BORDER)
)
case("Conv, padded AveragePool that counts zeros in, BN", 1, ZEROS, name="averagepool-counted-bn")(
    partial(_pool, kind="AveragePool", count_include_pad=1, **BORDER)
)
case("Conv, AveragePool with count_include_pad but without padding, BN", name="averagepool-counted-nopad-bn")(
    partial(_pool, kind="AveragePool", count_include_pad=1, **WINDOW)
)
case("Conv, AveragePool with ceil_mode, BN", name="averagepool-ceil-bn")(
    partial(_pool, kind="AveragePool", ceil_mode=1, **WINDOW)
)
case("Conv, GlobalAveragePool, BN with gammas of both signs", name="globalaveragepool-bn")(
    partial(_pool, kind="GlobalAveragePool", negative=True)
)
case("Conv, LpPool, BN", 1, "a norm passes no shift", name="lppool-bn")(partial(_pool, kind="LpPool", **WINDOW))


@case("Conv, MaxPool whose indices are an output too, BN")
def maxpool_indices_bn(g: Graph) -> None:
    y, indices = g.op("MaxPool", _stem(g), outputs=2, **WINDOW)
    g.out(g.bn(y, 6), indices)


@case("Conv, AveragePool that counts zeros in, Mul as output")
def averagepool_counted_mul(g: Graph) -> None:
    g.out(g.scale(g.op("AveragePool", _stem(g), count_include_pad=1, **BORDER), 6))


@case("Conv, Pad with zeros, AveragePool, BN", 1, ZEROS)
def pad_averagepool_bn(g: Graph) -> None:
    y = g.op("Pad", _stem(g), g.ints(0, 0, 1, 1, 0, 0, 1, 1))
    g.out(g.bn(g.op("AveragePool", y, **WINDOW), 6))


@case("Conv, BN, Relu, Pad with zeros, MaxPool: the Pad may not become padding with minus infinity")
def conv_bn_pad_maxpool(g: Graph) -> None:
    y = g.op("Pad", g.op("LeakyRelu", g.bn(_stem(g), 6)), g.ints(0, 0, 1, 1, 0, 0, 1, 1))
    g.out(g.op("MaxPool", y, **WINDOW))


def _reduce(g: Graph, kind: str, negative: bool = False) -> None:
    gamma = g.mixed(6) if negative else None
    y = g.op(kind, _stem(g), axes=[2, 3]) if kind != "ReduceSum" else g.op(kind, _stem(g), g.ints(2, 3))
    g.out(g.bn(y, 6, gamma=gamma))


for kind in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"):
    case(f"Conv, {kind} over positions, BN", name=f"{kind.lower()}-bn")(partial(_reduce, kind=kind))
case("Conv, ReduceMax over positions, BN with gammas of both signs", 1, MAXIMUM, name="reducemax-bn-negative")(
    partial(_reduce, kind="ReduceMax", negative=True)
)


@case("Conv, ReduceMean with axes as input, BN", opset=18)
def reducemean_axes_input_bn(g: Graph) -> None:
    g.out(g.bn(g.op("ReduceMean", _stem(g), g.ints(-1, -2)), 6))


@case("Conv, ReduceMean without keepdims, BN")
def reducemean_no_keepdims_bn(g: Graph) -> None:
    g.out(g.bn(g.op("ReduceMean", _stem(g), axes=[2, 3], keepdims=0), 6))


@case("Conv, ReduceSum over open sizes, BN", 1, "the shift is multiplied by a number that is not known")
def reducesum_open_bn(g: Graph) -> None:
    y = g.op("ReduceSum", g.conv(g.input(2, 4, "h", "w"), 4, 6, 3), g.ints(2, 3))
    g.out(g.bn(y, 6))


@case("Conv, ReduceSum over open sizes, Mul as output")
def reducesum_open_mul(g: Graph) -> None:
    y = g.op("ReduceSum", g.conv(g.input(2, 4, "h", "w"), 4, 6, 3), g.ints(2, 3))
    g.out(g.scale(y, 6))


@case("BN of the input, then ReduceMean over channels", 1, "channels with different units are averaged")
def bn_reducemean_channels(g: Graph) -> None:
    g.out(g.op("ReduceMean", g.bn(g.input(2, 4, 5, 7), 4), axes=[1]))


@case("Conv, ReduceMean over channels, Mul and Add by scalars")
def reducemean_channels_scalar(g: Graph) -> None:
    y = g.op("Mul", g.op("ReduceMean", _stem(g), axes=[1]), g.const(0.7))
    g.out(g.op("Add", y, g.const(0.3)))


@case("BN, GlobalAveragePool, Flatten, Gemm: a classifier head without a layer in front")
def bn_gap_flatten_gemm(g: Graph) -> None:
    y = g.op("Flatten", g.op("GlobalAveragePool", g.bn(g.op("Sigmoid", g.input(2, 4, 5, 7)), 4)))
    g.out(g.gemm(y, 4, 6))


def _resize(g: Graph, shift: bool = True, scales: tuple[float, ...] = (1, 1, 2, 2), **attributes: object) -> None:
    inputs = [g.const([0.0, 0, 0, 0, 1, 1, 1, 1], dtype="float32")] if "crop" in str(attributes) else [""]
    y = g.op("Resize", _stem(g), *inputs, g.const(list(map(float, scales)), dtype="float32"), **attributes)
    g.out(g.bn(y, 6) if shift else g.scale(y, 6))


case("Conv, nearest Resize, BN", name="resize-nearest-bn")(
    partial(_resize, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
)
case("Conv, linear Resize, BN", name="resize-linear-bn")(partial(_resize, mode="linear"))
case("Conv, linear Resize with aligned corners, BN", name="resize-aligned-bn")(
    partial(_resize, mode="linear", coordinate_transformation_mode="align_corners")
)
case("Conv, cubic Resize, BN", 1, "cubic weights sum to 1 only nearly", name="resize-cubic-bn")(
    partial(_resize, mode="cubic")
)
case("Conv, cubic Resize, Mul as output", name="resize-cubic-mul")(partial(_resize, shift=False, mode="cubic"))
case("Conv, Resize with tf_crop_and_resize, BN", 1, "what lies outside gets a constant", name="resize-crop-bn")(
    partial(_resize, mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=3.0)
)


@case(
    "BN of the input, then Resize along the channels, Conv", 1, "neighbouring channels with different units are mixed"
)
def bn_resize_channels(g: Graph) -> None:
    x = g.bn(g.input(2, 4, 5, 7), 4)
    y = g.op("Resize", x, "", g.const([1.0, 2, 1, 1]), mode="linear")
    g.out(g.conv(y, 8, 6))


@case("Conv, Upsample, BN", opset=9, ir_version=4)
def upsample_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Upsample", _stem(g), g.const([1.0, 1, 2, 2]), mode="nearest"), 6))


@case("Conv, Upsample with scales as attribute, BN", opset=7, ir_version=4)
def upsample_attribute_bn(g: Graph) -> None:
    g.out(g.bn(g.op("Upsample", _stem(g), scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"), 6))
