"""From raw times to numbers and a verdict.

The machine drifts: clock rates, other programs, temperature. Times are therefore compared inside blocks,
where all contestants ran within a moment of each other, and one value a block enters the statistics:

    r_b = median(reference times of b) / median(candidate times of b)      ratio = median over b of r_b

A ratio above 1 says that the candidate is faster. Its 95 % interval is the percentile bootstrap over blocks
(Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3).
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Verdict = Literal["faster", "slower", "no difference"]

CONFIDENCE = 0.95
# Less than that is nothing a deployment could tell, however sure.
MARGIN = 0.01
RESAMPLES = 2000
# The range of n values misses their true median with probability 2^(1-n): below 6 there is no 95 % interval.
FEWEST_BLOCKS = 6


@dataclass(frozen=True)
class Summary:
    """Times of one contestant, in seconds.

    Attributes:
        p50: median.
        p90: 90th percentile, linearly interpolated.
        min: smallest.
        mad: median of |x - p50|, not scaled to a standard deviation.
        n: how many times were measured.
    """

    p50: float
    p90: float
    min: float
    mad: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return asdict(self)


@dataclass(frozen=True)
class Ratio:
    """A speed-up: reference time / candidate time.

    Attributes:
        value: the median over all blocks.
        low, high: its 95 % interval.
        blocks: how many pairs of blocks it is from.
    """

    value: float
    low: float
    high: float
    blocks: int

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """A candidate against the reference.

    Attributes:
        speedup: reference time / candidate time; above 1 the candidate is faster.
        control: the same ratio for the reference against a second session of itself: what noise alone shows.
        verdict: see `judge`.
    """

    speedup: Ratio
    control: Ratio
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        return cls(Ratio(**data["speedup"]), Ratio(**data["control"]), data["verdict"])


def summarize(times: Times) -> Summary:
    """Summarize times (float64, any shape, seconds).

    Raises:
        ValueError: there are no times.
    """
    if times.size == 0:
        raise ValueError("No times were measured.")
    p50, p90 = np.quantile(times, [0.5, 0.9])
    mad = np.median(np.abs(times - p50))
    return Summary(float(p50), float(p90), float(times.min()), float(mad), int(times.size))


def paired_ratio(reference: Times, candidate: Times, *, seed: int = 0) -> Ratio:
    """Return the paired block-median ratio of two contestants, with its interval.

    Args:
        reference: float64, shape (blocks, runs), seconds; positive.
        candidate: the same for the same blocks; its number of runs a block may differ.
        seed: of the bootstrap.

    Raises:
        ValueError: the arrays are not both 2-D with the same number of blocks, or are empty.
    """
    if reference.ndim != 2 or candidate.ndim != 2 or len(reference) != len(candidate):
        raise ValueError(f"Blocks do not pair: {reference.shape} against {candidate.shape}.")
    if reference.size == 0 or candidate.size == 0:
        raise ValueError("No times were measured.")
    ratios = np.median(reference, axis=1) / np.median(candidate, axis=1)
    picks = np.random.default_rng(seed).integers(len(ratios), size=(RESAMPLES, len(ratios)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.median(ratios[picks], axis=1), [tail, 1 - tail])
    return Ratio(float(np.median(ratios)), float(low), float(high), len(ratios))


def judge(speedup: Ratio, control: Ratio) -> Verdict:
    """Say whether a speed-up is more than noise.

    The control compares the reference with itself, so everything its interval [l, h] reaches is noise, and less than
    `MARGIN` does not count. With the spread s = max(h, 1/l, 1/h, l, 1 + MARGIN), the candidate is

    - "faster" if its whole interval lies above s,
    - "slower" if its whole interval lies below 1/s,
    - "no difference" otherwise, and always with fewer than 6 blocks, which carry no 95 % interval.

    Since s > 1, an interval that includes 1 is always "no difference".
    """
    spread = max(control.high, 1 / control.low, 1 / control.high, control.low, 1 + MARGIN)
    if min(speedup.blocks, control.blocks) < FEWEST_BLOCKS:
        return "no difference"
    if speedup.low > spread:
        return "faster"
    if speedup.high < 1 / spread:
        return "slower"
    return "no difference"


def compare(reference: Times, candidate: Times, control: Times, *, seed: int = 0) -> Comparison:
    """Compare a candidate with the reference, given the control's times.

    Arguments and errors as in `paired_ratio`.
    """
    speedup = paired_ratio(reference, candidate, seed=seed)
    noise = paired_ratio(reference, control, seed=seed)
    return Comparison(speedup, noise, judge(speedup, noise))
