"""Times of a network and its fold on ONNX Runtime, for as many blocks as a question about them needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from bnfold.isolation import Limits, call
from bnfold.latency.sampler import interleave
from bnfold.latency.sessions import Feeds, open_session, session_options
from bnfold.latency.statistics import Ratio, Times, paired_ratio

ROUNDS = (1.0, 3.0, 6.0, 12.0)
"""Seconds of each round, times what the caller asks for; every round has sessions of its own."""


def until_decided(
    original: Path, folded: Path, feeds: Feeds, threads: int, share: float, bound: float
) -> tuple[Ratio, Ratio, float]:
    """Measure until the interval of the speed-up lies on one side of a bound, or time is over.

    Args:
        original, folded: ONNX files.
        feeds: their inputs.
        threads: of a session.
        share: seconds of the first round; later ones are longer.
        bound: the speed-up that is asked about.

    Returns:
        The speed-up, that of the original against a second session of itself, and the original's median in seconds.
    """
    times = np.empty((3, 0))
    for seed, seconds in enumerate(ROUNDS):
        more: Times = call(
            "benchmarks.merge.blocks:medians",
            limits=Limits(timeout=600),
            paths=[original, folded, original],
            feeds=dict(feeds),
            threads=threads,
            seconds=seconds * share,
            seed=seed,
        )
        times = np.concatenate([times, more], axis=1)
        reference, candidate, control = times[:, :, None]
        speedup = paired_ratio(reference, candidate)
        if speedup.low >= bound or speedup.high < bound:
            break
    return speedup, paired_ratio(reference, control), float(np.median(reference))


def medians(paths: list[Path], feeds: Feeds, threads: int, seconds: float, seed: int) -> Times:
    """Median times of blocks in which all sessions ran in random order, float64 [paths, blocks]."""
    sessions = [open_session(path, session_options("all", threads)) for path in paths]
    runs, _, _ = interleave(
        [partial(session.run, None, dict(feeds)) for session in sessions], seconds, np.random.default_rng(seed)
    )
    return np.stack([np.median(times, axis=1) for times in runs])
