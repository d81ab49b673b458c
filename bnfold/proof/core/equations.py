"""The two local equations with numbers in them: affine against affine, linear layer against linear layer.

A stored number may be half a unit in the last place from its exact value, because it was rounded once. So an equation
holds if its residual is within what that explains, plus EPS of the summed magnitudes for the float64 units.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnfold.proof.core.units import EPS, WIDE, Array, Units, UnprovedError, demand
from bnfold.proof.maps.affine import Affine, same_growth
from bnfold.proof.maps.composed import Composed, Layout, paired, same_places
from bnfold.proof.maps.layers import Linear
from bnfold.proof.result import Measured

SAMPLE = 1 << 12  # numbers of one large constant whose distance is measured in extended precision
ALL = 1 << 14  # elements up to which a constant is not sampled


def compare_affine(
    names: tuple[str, str], ours: Affine, theirs: Affine, x: Units, y: Units, measured: Measured
) -> None:
    """With X = S_x X' + T_x: a X + b = S_y (a' X' + b') + T_y, i.e. a S_x = S_y a' and a T_x + b = S_y b' + T_y.

    `names` are the constants that hold a' and b', for the record; empty where several do.

    Raises:
        UnprovedError: it does not hold.
    """
    want, have = ours.scale * x.scale, y.scale * theirs.scale
    room = np.abs(y.scale) * theirs.scale_error
    _demand_close(want, have, room, 0.0, "the scale is not what the original computes")
    measured.note(names[0], _distance(want - have, room))
    carried = ours.scale * x.shift
    _compare_shift(names[1], ours, theirs, (carried, np.abs(carried)), y, measured)


def compare_linear(
    name: str, ours: tuple[Linear, Affine], theirs: tuple[Linear, Affine], x: Units, y: Units, measured: Measured
) -> None:
    """Two linear layers with affine maps behind them, as in `layers`; `name` is the folded bias, for the record.

    Raises:
        UnprovedError: they do not do the same in these units.
    """
    (layer, behind), (twin, twin_behind) = ours, theirs
    demand(layer.kind == twin.kind, "the layer's settings are not the same")
    demand(layer.weight.shape == twin.weight.shape, "the weight has another shape")
    form, twin_form = behind.after(layer.bias), twin_behind.after(twin.bias)
    demand(same_growth(layer.result, form.shape, twin_form.shape), "a constant changes the shape")
    rank = len(layer.result)
    y = y.ranked(rank)

    def outward(array: Array) -> Array:
        return layer.of_output(array.reshape((1,) * (rank - array.ndim) + array.shape))

    want = outward(form.scale) * WIDE(layer.factor), layer.of_input(x.scale)
    have = outward(y.scale * twin_form.scale) * WIDE(twin.factor)
    blur = outward(np.abs(y.scale) * twin_form.scale_error) * abs(twin.factor)
    _compare_weights(layer, twin, want, have, blur, measured)
    carried = size = np.zeros((), WIDE)
    if layer.padded and twin.ones is None:
        value, room = twin.border
        gap = np.abs(x.scale * value + x.shift)
        outside = (gap <= np.abs(x.scale) * room + EPS * np.abs(x.shift)).all()
        demand(outside, "it pads with what is not 0 in the original's units")
    if twin.ones is not None:
        _compare_ones(layer, twin, (want[0], x.shift), have, blur, measured)
    elif x.shift.any():
        weight, shift = np.asarray(layer.weight, np.float64), np.asarray(layer.of_input(x.shift), np.float64)
        product = weight * shift * layer.factor
        carried, size = (form.scale * layer.total(p).astype(WIDE) for p in (product, np.abs(product)))
    _compare_shift(name, form, twin_form, (carried, np.abs(size)), y, measured)


def _compare_ones(
    layer: Linear, twin: Linear, want: tuple[Array, Array], have: Array, blur: Array, measured: Measured
) -> None:
    """A channel of ones, whose weights carry the shift tap by tap: a sum(W T_x) over the channels = S_y a' W'."""
    assert twin.ones is not None
    stored, room = twin.ones
    parts = layer.weight.astype(WIDE) * layer.of_input(want[1])
    total, size = (want[0] * np.sum(p, 1, keepdims=True) for p in (parts, np.abs(parts)))
    slack = room * np.abs(have) + np.abs(stored) * blur
    why = f"the weight {twin.name} of a channel of ones is not what the original computes"
    _demand_close(total, have * stored, slack, np.abs(size), why)
    measured.note(twin.name, _distance(total - have * stored, slack))


def compare_composed(
    names: tuple[str, str], ours: Composed, theirs: Composed, y: Units, layout: Layout, measured: Measured
) -> None:
    """Two maps of one tensor, tap by tap: K = S_y K' and b = S_y b' + T_y, K being the original's.

    Args:
        names: of the folded model's weight and bias, for the record.
        ours, theirs: the maps.
        y: units of their results.
        layout: of the tensor that both map; the folded model's numbers were rounded.
        measured: the record.

    Raises:
        UnprovedError: they are not the same.
    """
    same_places(ours, theirs, layout)
    scale, shift = (layout.vector(array, theirs.outputs) for array in (y.scale, y.shift))
    distance = 0.0
    for want, have in paired(ours, theirs):
        size = np.abs(scale).reshape(1, have.shape[1], -1, 1)
        signed = scale.reshape(size.shape[1:])
        room, magnitude = (size[0] * part for part in (have[2] - have[1], have[1]))
        why = f"the weight {names[0]} is not what the original computes"
        _demand_close(want[0], signed * have[0], room, want[1] + magnitude, why)
        distance = max(distance, _distance(want[0] - signed * have[0], room))
        measured.checked += have[0].size
        measured.rewritten += have[0].size
        measured.sampled += have[0].size
    measured.note(names[0], distance)
    form, twin = (Affine(m.bias[0], m.bias[0], m.bias[1], m.bias[0], m.bias[-1] - m.bias[1]) for m in (ours, theirs))
    nothing = np.zeros((), WIDE)
    _compare_shift(names[1], form, twin, (nothing, nothing), Units(scale, shift), measured)


def _compare_weights(
    layer: Linear, twin: Linear, want: tuple[Array, Array], have: Array, blur: Array, measured: Measured
) -> None:
    """W * want = W' * have, for all numbers in float64; and how far W' is from W * want / have."""
    measured.checked += twin.weight.size
    same = np.array_equal(layer.weight, twin.weight)
    if same and all((factor == 1).all() for factor in (*want, have)):
        return
    outer, inner, right = (factor.astype(np.float64) for factor in (*want, have))
    wanted = layer.weight * outer
    wanted *= inner
    room = twin.room()
    slack = room * np.abs(right)
    if blur.any():
        slack = slack + np.abs(twin.weight) * blur.astype(np.float64)
    _demand_close(wanted, twin.weight * right, slack, 0.0, f"the weight {twin.name} is not what the original computes")
    if not same:
        measured.rewritten += twin.weight.size
        _measure(layer.weight, twin, room, want, have, measured)


def _measure(
    weight: Array, twin: Linear, room: Array, want: tuple[Array, Array], have: Array, measured: Measured
) -> None:
    """The largest distance of a stored weight from its exact value, of all or of a seeded sample."""
    stored = twin.weight
    if any(array.ndim > stored.ndim for array in (*want, have)) or (have == 0).any():
        return
    size = stored.size
    chosen = np.arange(size) if size <= ALL else np.random.default_rng(size).integers(0, size, SAMPLE)
    where = np.unravel_index(chosen, stored.shape)
    outer, inner, right = (np.broadcast_to(array, stored.shape)[where] for array in (*want, have))
    exact = weight[where].astype(WIDE) * outer * inner / right
    measured.sampled += size if size <= ALL else SAMPLE
    measured.note(twin.name, _distance(exact - stored[where].astype(WIDE), room[where].astype(WIDE)))


def _compare_shift(
    name: str, ours: Affine, theirs: Affine, carried: tuple[Array, Array], y: Units, measured: Measured
) -> None:
    want, have = carried[0] + ours.shift, y.scale * theirs.shift + y.shift
    magnitude = carried[1] + ours.magnitude + np.abs(y.scale) * theirs.magnitude + np.abs(y.shift)
    room = np.abs(y.scale) * theirs.shift_error
    _demand_close(want, have, room, magnitude, "the shift is not what the original computes")
    measured.note(name, _distance(want - have, room))


def _distance(gap: Array, room: Array) -> float:
    """The largest gap in units in the last place, half of one being `room`; what was not rounded has none."""
    gap, room = np.broadcast_arrays(np.abs(gap), room)
    rounded = room > 0
    return float((gap[rounded] / (2 * room[rounded])).max(initial=0))


def _demand_close(want: Array, have: Array, room: Array, magnitude: Any, why: str) -> None:
    with np.errstate(all="ignore"):
        gap = np.abs(want - have)
        holds = gap <= room + EPS * (2 * np.abs(want) + magnitude)
    if not holds.all():
        with np.errstate(all="ignore"):
            relative = float((gap / np.maximum(np.abs(want), np.abs(have)).clip(np.finfo(np.float64).tiny)).max())
        raise UnprovedError(f"{why} (off by {relative:.1e})")
