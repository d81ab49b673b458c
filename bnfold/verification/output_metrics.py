"""How two models' values of one output compare, over all batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from bnfold.verification.batches import Batch
from bnfold.verification.metrics import TensorError, compare, cosine, snr_db
from bnfold.verification.precision import FLOATS, Array

Outputs = Mapping[str, Array]
ULP_EDGES = (0, 1, 2, 4, 8, 16, 64, 256, 1024)
"""Upper edges of the histogram's bins; one more bin holds what is beyond the last."""
TOP = (1, 5)
PAIRS = 300
DIGITS = 12
"""Significant digits of these; 9 tell any two float32 apart."""


@dataclass(frozen=True)
class OutputMetrics:
    """One output of two models.

    Attributes:
        output: its name.
        batch: where the largest relative difference was seen; `worst` is that difference.
        worst: max abs, max rel, and the worst index with both values.
        ulp: how many elements are at most so many representable numbers apart, by bin ("0", "1", "2", "3-4" ...);
            empty for integers.
        not_finite: elements that are NaN or infinite in the reference, in the candidate, and in one of them only or
            differently.
        snr_db: lowest signal to noise ratio of a batch, in decibel.
        cosine: lowest cosine of a batch.
        top: for k = 1 and 5, the share of the reference's k best classes that are among the candidate's; only where
            there are more than k classes.
        pairs: values of the reference and of the candidate at the same places, evenly spread over each batch, at most
            PAIRS in all, as shares of the reference's largest value in the batch; without those that are not finite.
    """

    output: str
    batch: str
    worst: TensorError
    ulp: Mapping[str, int]
    not_finite: tuple[int, int, int]
    snr_db: float
    cosine: float
    top: Mapping[int, float]
    pairs: tuple[tuple[float, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data; numbers that are not finite are null."""
        return {
            "output": self.output,
            "batch": self.batch,
            **{key: _plain(value) for key, value in self.worst.to_json().items()},
            "ulp": dict(self.ulp),
            "not_finite": dict(zip(("reference", "candidate", "differing"), self.not_finite, strict=True)),
            "snr_db": _plain(self.snr_db),
            "cosine": _plain(self.cosine),
            **{f"top{k}": share for k, share in self.top.items()},
            "pairs": [list(pair) for pair in self.pairs],
        }


def measure_outputs(
    batches: Sequence[Batch], reference: Sequence[Outputs], candidate: Sequence[Outputs]
) -> tuple[OutputMetrics, ...]:
    """The metrics of every output that both have in all batches, in the order of the reference."""
    names = [name for name in reference[0] if all(name in outputs for outputs in candidate)]
    return tuple(
        _measure(name, [b.name for b in batches], [r[name] for r in reference], [c[name] for c in candidate])
        for name in names
    )


def class_axis(ndim: int) -> int:
    """The axis that counts classes: the last, or axis 1 of images and volumes."""
    return -1 if ndim <= 3 else 1


def _measure(name: str, batches: list[str], ours: list[Array], theirs: list[Array]) -> OutputMetrics:
    errors = [compare(a, b) for a, b in zip(ours, theirs, strict=True)]
    place = max(range(len(errors)), key=lambda i: errors[i].max_rel)
    alike = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.shape == b.shape]
    ratios = [snr_db(a, b) for a, b in alike]
    return OutputMetrics(
        name,
        batches[place],
        errors[place],
        _histogram(alike),
        _not_finite(alike),
        min(ratios, default=-inf),
        min((cosine(a, b) for a, b in alike), default=0.0),
        {k: share for k in TOP if (share := _agreement(alike, k)) is not None},
        _pairs(alike),
    )


def _pairs(alike: Sequence[tuple[Array, Array]]) -> tuple[tuple[float, float], ...]:
    found: list[tuple[float, float]] = []
    for a, b in alike:
        x, y = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
        finite = np.isfinite(x) & np.isfinite(y)
        x, y = x[finite], y[finite]
        if a.dtype not in FLOATS or not x.any():
            continue
        places = np.unique(np.linspace(0, x.size - 1, min(x.size, max(1, PAIRS // len(alike)))).astype(int))
        with np.errstate(over="ignore"):
            x, y = (values[places] / np.abs(x).max() for values in (x, y))
        found += [pair for pair in zip(x.tolist(), y.tolist(), strict=True) if np.isfinite(pair).all()]
    return tuple((float(f"{x:.{DIGITS}g}"), float(f"{y:.{DIGITS}g}")) for x, y in found)


def _histogram(pairs: Sequence[tuple[Array, Array]]) -> dict[str, int]:
    pairs = [(a, b) for a, b in pairs if a.dtype == b.dtype and a.dtype in FLOATS]
    if not pairs:
        return {}
    steps = np.concatenate([_steps(a, b) for a, b in pairs])
    place = np.searchsorted(ULP_EDGES, steps)
    counts = np.bincount(place, minlength=len(ULP_EDGES) + 1)
    labels = [_label(low, high) for low, high in zip((-1, *ULP_EDGES), ULP_EDGES, strict=False)]
    return dict(zip([*labels, f">{ULP_EDGES[-1]}"], map(int, counts), strict=True))


def _label(low: int, high: int) -> str:
    return str(high) if high - low == 1 else f"{low + 1}-{high}"


def _steps(a: Array, b: Array) -> Array:
    """How many representable numbers lie between finite elements, the farther one counted: (elements,) uint64."""
    finite = np.isfinite(a.astype(np.float64)) & np.isfinite(b.astype(np.float64))
    x, y = (_ordered(v[finite]) for v in (a, b))
    # Two float64 may be more than 2^63 numbers apart; unsigned, their difference is right all the same.
    return np.maximum(x, y).view(np.uint64) - np.minimum(x, y).view(np.uint64)


def _ordered(values: Array) -> Array:
    """The place of each float among all floats of its type; both zeros are 0."""
    kind = np.dtype(f"i{values.dtype.itemsize}")
    bits = values.view(kind).astype(np.int64)
    return np.where(bits < 0, np.iinfo(kind).min - bits, bits)


def _not_finite(pairs: Sequence[tuple[Array, Array]]) -> tuple[int, int, int]:
    counts = np.zeros(3, np.int64)
    for a, b in pairs:
        x, y = (v.astype(np.float64) for v in (a, b))
        odd = [~np.isfinite(v) for v in (x, y)]
        same = (x == y) | (np.isnan(x) & np.isnan(y))
        counts += [odd[0].sum(), odd[1].sum(), ((odd[0] | odd[1]) & ~same).sum()]
    return int(counts[0]), int(counts[1]), int(counts[2])


def _agreement(pairs: Sequence[tuple[Array, Array]], k: int) -> float | None:
    shares = []
    for a, b in pairs:
        if a.dtype not in FLOATS or a.ndim < 2 or a.shape[class_axis(a.ndim)] <= k or not a.size:
            return None
        x, y = (np.moveaxis(v.astype(np.float64), class_axis(v.ndim), -1) for v in (a, b))
        best = [np.argsort(-v, axis=-1, kind="stable")[..., :k].reshape(-1, k) for v in (x, y)]
        found = (best[0][:, :, None] == best[1][:, None, :]).any(-1)
        shares.append(found.mean(-1))
    return float(np.concatenate(shares).mean()) if shares else None


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value
