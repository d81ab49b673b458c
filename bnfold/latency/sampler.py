"""Collect run and load times so that drift and order favour nobody.

1. Open every session once and run it once: errors come before any measuring, and files are in the page cache.
2. Load: repeats, each opening every session anew in random order.
3. Warm up, by count and by time.
4. Blocks: in each, every contestant in random order runs a burst. The first run of a burst is not counted,
   because it finds the caches filled by somebody else.

5. Copies between host and device, apart.

The reference takes part twice, as itself and as the control, each with a session of its own. Sessions of one
file differ by some 0.2 % (where their memory happens to lie); the control shows that as well as the noise.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bnfold.errors import UsageError
from bnfold.latency.binding import bind, time_copies
from bnfold.latency.file_size import stored_bytes
from bnfold.latency.providers import PROVIDERS
from bnfold.latency.sessions import Feeds, Level, first_run, open_session, session_options
from bnfold.latency.statistics import FEWEST_BLOCKS, Times

CONTROL = "A/A control"

WARM_UP_RUNS = 3
WARM_UP_SHARE = 0.1
LOAD_SHARE = 0.2
MOST_LOADS = 30
COPIES = 20
# Enough blocks for a stable interval; within a block longer than that the machine drifts.
TARGET_BLOCKS = 60
BLOCK_SECONDS = 0.5


@dataclass(frozen=True)
class Contestant:
    """A model file under a name."""

    name: str
    path: Path


@dataclass(frozen=True)
class Samples:
    """What was measured for one contestant.

    Attributes:
        contestant: which one.
        runs: float64, shape (blocks, runs a block), seconds.
        loads: float64, shape (repeats, 1), seconds to create the session with the file in the page cache.
        size_bytes: file size, external data included.
        copies: median seconds to send the inputs to the device and to fetch the outputs; None where they cannot be
            bound to one.
    """

    contestant: Contestant
    runs: Times
    loads: Times
    size_bytes: int
    copies: tuple[float, float] | None


@dataclass(frozen=True)
class Sampling:
    """All samples: the reference first, the candidates in the given order, and the control apart.

    Attributes:
        samples: one entry a contestant.
        control: the reference's second session.
        block_seconds: wall time of a block, in the mean.
    """

    samples: tuple[Samples, ...]
    control: Samples
    block_seconds: float


def sample(
    contestants: Sequence[Contestant],
    feeds: Feeds,
    *,
    level: Level = "all",
    threads: int = 1,
    provider: str = "cpu",
    seconds: float = 10.0,
    seed: int = 0,
) -> Sampling:
    """Measure contestants against each other.

    Args:
        contestants: the first one is the reference.
        feeds: input name -> array, the same for all.
        level: ONNX Runtime's graph optimization level.
        threads: intra-op threads of each session.
        provider: ONNX Runtime's execution provider, by the name in `bnfold.latency.providers`.
        seconds: for warm-up and blocks; at least 6 blocks are run even if they take longer. Loading comes on
            top: six to thirty repeats, more than six only within a fifth of `seconds`.
        seed: of the orders.

    Raises:
        SourceError: ONNX Runtime cannot load a file.
        UsageError: the feeds do not fit a model, or two contestants have the same name.
    """
    names = [contestant.name for contestant in contestants]
    if not names or len({*names, CONTROL}) <= len(names):
        raise UsageError(f"Contestants need different names, none of them {CONTROL!r}: got {names}.")
    everyone = [*contestants, replace(contestants[0], name=CONTROL)]
    feeds = {name: np.asarray(array, order="C") for name, array in feeds.items()}
    rng = np.random.default_rng(seed)
    on = PROVIDERS[provider]
    openers = [partial(open_session, contestant.path, session_options(level, threads), on) for contestant in everyone]

    opened = [opener() for opener in openers]
    for contestant, session in zip(everyone, opened, strict=True):
        first_run(session, feeds, contestant.path)
    sizes = [stored_bytes(contestant.path) for contestant in everyone]
    loads = time_loads(openers, seconds * LOAD_SHARE, rng)
    bound = [bind(session, feeds, on) for session in opened]
    runs, _, block_seconds = interleave([each.run for each in bound], seconds, rng)
    copies = [time_copies(each, COPIES) for each in bound]
    *samples, control = map(Samples, everyone, runs, loads, sizes, copies)
    return Sampling(tuple(samples), control, block_seconds)


def time_loads(openers: Sequence[Callable[[], object]], seconds: float, rng: np.random.Generator) -> list[Times]:
    """Time the openers, all of them in random order each time; return float64 (repeats, 1) each, seconds."""
    loads: list[list[float]] = [[] for _ in openers]
    deadline = time.perf_counter() + seconds
    for repeat in range(MOST_LOADS):
        if repeat >= FEWEST_BLOCKS and time.perf_counter() > deadline:
            break
        for index in rng.permutation(len(openers)):
            start = time.perf_counter()
            opened = openers[index]()
            loads[index].append(time.perf_counter() - start)
            # Freed here, or the next session would be timed together with this one's end.
            del opened
    return [np.array(times).reshape(-1, 1) for times in loads]


def interleave(
    actions: Sequence[Callable[[], object]], seconds: float, rng: np.random.Generator
) -> tuple[list[Times], npt.NDArray[np.int64], float]:
    """Warm up, then time bursts of the actions in blocks of random order.

    Args:
        actions: what to time.
        seconds: wall time for warm-up and blocks together; at least 6 blocks are run.
        rng: draws the order of each block.

    Returns:
        Times of each action, float64 (blocks, runs a block) in seconds; the order, int64 (blocks, actions);
        and the mean wall time of a block in seconds.
    """
    start = time.perf_counter()
    cycle = _warm_up(actions, seconds * WARM_UP_SHARE)
    block = min(seconds * (1 - WARM_UP_SHARE) / TARGET_BLOCKS, BLOCK_SECONDS)
    count = max(1, int(block / cycle) - 1)
    times: list[list[Times]] = [[] for _ in actions]
    order: list[npt.NDArray[np.int64]] = []
    begin = time.perf_counter()
    collecting = gc.isenabled()
    gc.disable()
    try:
        while len(order) < FEWEST_BLOCKS or time.perf_counter() - start < seconds:
            order.append(rng.permutation(len(actions)))
            for index in order[-1]:
                times[index].append(_burst(actions[index], count))
    finally:
        if collecting:
            gc.enable()
    elapsed = time.perf_counter() - begin
    return [np.stack(blocks) for blocks in times], np.stack(order), elapsed / len(order)


def _warm_up(actions: Sequence[Callable[[], object]], seconds: float) -> float:
    """Run all in turn, at least `WARM_UP_RUNS` times and `seconds` long; return the fastest turn, seconds."""
    turns: list[float] = []
    start = time.perf_counter()
    while len(turns) < WARM_UP_RUNS or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        for action in actions:
            action()
        turns.append(time.perf_counter() - begin)
    return min(turns)


def _burst(action: Callable[[], object], count: int) -> Times:
    action()
    times = np.empty(count)
    for run in range(count):
        start = time.perf_counter()
        action()
        times[run] = time.perf_counter() - start
    return times
