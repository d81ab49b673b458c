"""Pad that may crop, and Resize and Upsample of every opset."""

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_resize import Resize as Resize11

from bnfold.verification.operators.windows import Array

_resize: Any = Resize11._run


class Pad(OpRun):
    """Pad with a constant or by repeating the tensor; a negative count crops, which `numpy.pad` cannot."""

    def _run(
        self,
        x: Array,
        counts: Array | None = None,
        value: Array | float | None = None,
        axes: Array | None = None,
        *,
        mode: str = "constant",
        **attributes: Any,
    ) -> tuple[Array]:
        given: Any = attributes.get("pads") or attributes.get("paddings") if counts is None else counts
        fill = attributes.get("value", 0.0) if value is None else np.asarray(value).item()
        where = range(x.ndim) if axes is None else [int(a) % x.ndim for a in axes]
        widths = [(0, 0)] * x.ndim
        for position, axis in enumerate(where):
            widths[axis] = (int(given[position]), int(given[len(where) + position]))
        crop = tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, widths, strict=True))
        grow = [(max(0, a), max(0, b)) for a, b in widths]
        options: dict[str, Any] = {"constant_values": fill} if mode == "constant" else {}
        return (np.pad(x[crop], grow, mode=mode, **options),)  # type: ignore[call-overload]


class Resize(OpRun):
    """Resize; opset 10 is (x, scales) with asymmetric coordinates rounded down.

    Scales are float32 and runtimes multiply them in float32, so 0.7 of 10 is 7, not 6.
    """

    def _run(self, x: Array, *inputs: Array | None, **attributes: Any) -> tuple[Array]:
        if self.run_params["opsets"][""] < 11:
            return _asymmetric(self, x, inputs[0], str(attributes["mode"]))
        roi, scales, sizes = (*inputs, None, None, None)[:3]
        scales = None if scales is None or not scales.size else scales
        sizes = None if sizes is None or not sizes.size else sizes
        axes = [int(a) % x.ndim for a in attributes.get("axes") or range(x.ndim)]
        if scales is not None:
            scales = _float32_scales([x.shape[a] for a in axes], scales)
        if (roi is None or not roi.size) and attributes.get("keep_aspect_ratio_policy") in (None, "stretch"):
            # With axes, `onnx.reference` resizes every channel of every sample on its own.
            scales, sizes = _along_all(axes, np.ones(x.ndim), scales), _along_all(axes, np.array(x.shape), sizes)
            attributes["axes"] = None
        return _resized(_resize(self, x, roi, scales, sizes, **attributes))


class Upsample(OpRun):
    """Upsample of opset 7 (attribute) and 9 (input): Resize with asymmetric coordinates rounded down."""

    def _run(self, x: Array, *inputs: Array, mode: str, scales: Any = None) -> tuple[Array]:
        given = inputs[0] if inputs else np.array(scales, np.float64)
        return _asymmetric(self, x, given, mode)


def _asymmetric(node: OpRun, x: Array, scales: Array | None, mode: str) -> tuple[Array]:
    assert scales is not None
    return _resized(
        _resize(
            node,
            x,
            None,
            _float32_scales(list(x.shape), scales),
            mode=mode.replace("bilinear", "linear"),
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
            keep_aspect_ratio_policy="stretch",
            exclude_outside=0,
            extrapolation_value=0.0,
        )
    )


def _along_all(axes: list[int], others: Array, given: Array | None) -> Array | None:
    """Scales or sizes of all axes, where some are given."""
    if given is not None:
        others[axes] = given
    return None if given is None else others


def _float32_scales(sizes: list[int], scales: Array) -> Array:
    """`scales`, nudged where sizes * scales lands on another integer in float32 than in float64."""
    floored = np.floor(scales.astype(np.float32) * np.array(sizes, np.float32))
    exact = np.floor(scales * np.array(sizes))
    return np.where(floored == exact, scales, floored / np.array(sizes))


def _resized(result: tuple[Array]) -> tuple[Array]:
    return (np.ascontiguousarray(result[0]),)
