"""The history of BatchNormalization: every operator set, and what told training from inference in each."""

from functools import partial

import numpy as np
from onnx import defs

from benchmarks.conformance.case import Group
from benchmarks.conformance.graph import Graph

case = Group("operator sets and IR versions")
TRAINS = "it computes statistics of the batch"


def _chain(g: Graph) -> None:
    y = g.op("Relu", g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6))
    g.out(g.conv(g.bn(g.op("MaxPool", y, kernel_shape=[2, 2]), 6), 6, 3))


for version in range(7, defs.onnx_opset_version() + 1):
    ir = 3 if version < 9 else 8 if version < 19 else 9 if version < 21 else 10 if version < 23 else 11
    ir = ir if version < 24 else {24: 11, 25: 12, 26: 13}.get(version, 13)
    text = f"Conv, BN, Relu, MaxPool, BN, Conv in operator set {version}"
    case(text, name=f"opset-{version}", opset=version, ir_version=ir)(_chain)


def _spelled(g: Graph, outputs: int = 1, names: tuple[str, ...] = (), **attributes: object) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    parameters = [g.const(values) for values in (g.positive(6), g.normal(6), g.normal(6), g.positive(6))]
    results = g.op("BatchNormalization", y, *parameters, outputs=names or outputs, **attributes)
    g.out(results if isinstance(results, str) else results[0], shape=(2, 6, 3, 5))


case("is_test = 1 in operator set 6", name="opset-6-is-test", opset=6, ir_version=3)(partial(_spelled, is_test=1))
case("is_test left out in operator set 6", 1, TRAINS, name="opset-6-trains", opset=6, ir_version=3, trains=True)(
    partial(_spelled, outputs=5)
)
case("spatial = 1 in operator set 8", name="opset-8-spatial-1", opset=8, ir_version=3)(partial(_spelled, spatial=1))
for version in (7, 9, 13):
    name = f"opset-{version}-five-outputs"
    case(
        f"five outputs in operator set {version}",
        1,
        TRAINS,
        name=name,
        opset=version,
        ir_version=4,
        trains=True,
    )(partial(_spelled, outputs=5))
case("one output and four empty names in operator set 9", name="opset-9-empty-names", opset=9, ir_version=4)(
    partial(_spelled, names=("y", "", "", "", ""))
)
case("momentum given in operator set 13", name="opset-13-momentum", opset=13, ir_version=7)(
    partial(_spelled, momentum=0.5)
)
case("training_mode = 0 in operator set 14", name="opset-14-inference", opset=14)(partial(_spelled, training_mode=0))
case("training_mode = 1 with three outputs", 1, TRAINS, name="opset-15-trains", opset=15, trains=True)(
    partial(_spelled, outputs=3, training_mode=1)
)


@case("spatial = 0 in operator set 7: one parameter per element", 1, "a Conv has one scale per channel", opset=7)
def opset_7_per_element(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    shape = (6, 3, 5)
    values = [g.positive(*shape), g.normal(*shape), g.normal(*shape), g.positive(*shape)]
    g.out(g.op("BatchNormalization", y, *map(g.const, values), spatial=0))


@case("epsilon left out")
def epsilon_default(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    values = [g.positive(6), g.normal(6), g.normal(6), np.full(6, 1e-5)]
    g.out(g.op("BatchNormalization", y, *map(g.const, values)))


@case("epsilon larger than the variance")
def epsilon_large(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6, epsilon=2.5))


@case("IR version 3: all initializers are inputs, and none may be overridden", opset=8, ir_version=3)
def ir_3(g: Graph) -> None:
    g.out(g.bn(g.conv(g.input(2, 4, 5, 7), 4, 6, 3), 6))


OVERRIDE = "the caller may override"


def _override(g: Graph, what: str) -> None:
    x = g.input(2, 4, 5, 7)
    names = {"weight": g.const(g.normal(6, 4, 3, 3)), "bias": g.const(g.normal(6))}
    values = {"scale": g.positive(6), "shift": g.normal(6), "mean": g.normal(6), "variance": g.positive(6)}
    names |= {key: g.const(value) for key, value in values.items()}
    g.overridable(names[what])
    y = g.op("Conv", x, names["weight"], names["bias"])
    g.out(g.op("BatchNormalization", y, *(names[key] for key in values)))


for what in ("weight", "bias", "scale", "mean"):
    case(f"Conv, BN; {OVERRIDE} the {what}", 1, f"{OVERRIDE} the {what}", name=f"override-{what}")(
        partial(_override, what=what)
    )


@case("an overridable Conv, BN, a Conv without padding")
def override_first_conv(g: Graph) -> None:
    weight = g.overridable(g.const(g.normal(6, 4, 3, 3)))
    y = g.op("Conv", g.input(2, 4, 5, 7), weight)
    g.out(g.conv(g.bn(y, 6), 6, 4))


@case("Conv, Mul by a scalar that the caller may override, BN in front of a Conv without padding")
def override_scalar(g: Graph) -> None:
    y = g.conv(g.input(2, 4, 5, 7), 4, 6, 3)
    y = g.op("Mul", y, g.overridable(g.const(0.7)))
    g.out(g.conv(g.bn(y, 6), 6, 4))
