"""Why a latency may mislead, as sentences that say what to do about it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnfold.latency.environment import Environment, mean_clock
from bnfold.latency.sampler import WARM_UP_SHARE, Sampling
from bnfold.latency.setting import Setting
from bnfold.latency.statistics import Times, paired_ratio

CONTROL_OFF = 0.03
FEW_BLOCKS = 20
SLOWED = 0.05
CLOCK_FELL = 0.1
OTHERS = 0.25


def before(machine: Environment, threads: int) -> list[str]:
    """What the machine is like before measuring with at most so many threads."""
    cores = machine.usable_cores
    warnings = []
    if threads > cores:
        warnings.append(f"{threads} threads share {cores} usable cores: lower --threads to {cores} or less.")
    # The average lingers for a minute, so half a core more than is free may be what this program did before.
    if machine.load_average is not None and machine.load_average[0] > max(cores - threads, 0) + 0.5:
        warnings.append(
            f"The load average was {machine.load_average[0]:.1f} on {cores} usable cores before measuring:"
            " stop other programs, or wait a minute, and measure again."
        )
    return warnings


def of_samples(found: Sequence[tuple[Setting, Sampling]], seed: int) -> list[str]:
    """What the times themselves say about the machine: a sentence a kind of doubt, on the worst setting.

    Args:
        found: the times of every setting.
        seed: of the bootstrap.
    """
    noisy: list[tuple[float, Setting]] = []
    few: list[tuple[float, Setting]] = []
    slowed: list[tuple[float, Setting]] = []
    for setting, sampling in found:
        reference = sampling.samples[0].runs
        control = paired_ratio(reference, sampling.control.runs, seed=seed)
        if abs(math.log(control.value)) > math.log1p(CONTROL_OFF):
            noisy.append((control.value, setting))
        if control.blocks < FEW_BLOCKS:
            few.append((sampling.block_seconds * FEW_BLOCKS * len(found) / (1 - WARM_UP_SHARE), setting))
        elif (grown := _grown(reference)) > 1 + SLOWED:
            slowed.append((grown, setting))
    warnings = []
    if noisy:
        worst, where = _worst(noisy, lambda ratio: abs(math.log(ratio)))
        warnings.append(
            f"{where} the reference measured against itself came out {worst:.2f}x as fast: the machine is noisy;"
            " stop other programs or raise --seconds."
        )
    if few:
        worst, where = _worst(few, abs)
        warnings.append(
            f"{where} the time was enough for fewer than {FEW_BLOCKS} blocks of runs: use --seconds"
            f" {math.ceil(worst)} or more."
        )
    if slowed:
        worst, where = _worst(slowed, abs)
        warnings.append(
            f"{where} the last runs of the reference took {worst:.2f}x as long as the first: the processor was"
            " throttled or another program started; let it cool, stop other programs and raise --seconds."
        )
    return warnings


def _worst(doubts: list[tuple[float, Setting]], size: Callable[[float], float]) -> tuple[float, str]:
    """The largest value, and where it was found and in how many settings beside."""
    value, setting = max(doubts, key=lambda doubt: size(doubt[0]))
    more = len(doubts) - 1
    beside = f" and in {more} more setting{'s' * (more > 1)}" if more else ""
    return value, f"At level {setting.level} ({setting.conditions}){beside},"


def _grown(runs: Times) -> float:
    """How much longer the last third of the blocks took than the first."""
    medians = np.median(runs, axis=1)
    third = len(medians) // 3
    return float(np.median(medians[-third:]) / np.median(medians[:third]))


@dataclass(frozen=True)
class Watch:
    """What to compare with after measuring.

    Attributes:
        since: seconds, of a clock that only counts on.
        busy: processor seconds of the whole machine; None where the system does not tell.
        own: processor seconds of this process and its ended children.
        clock_mhz: mean clock of the cores.
    """

    since: float
    busy: float | None
    own: float
    clock_mhz: float | None

    @classmethod
    def start(cls) -> Watch:
        """Look at the machine now."""
        return cls(time.perf_counter(), _busy(), _own(), mean_clock())

    def warnings(self) -> list[str]:
        """What else happened on the machine since."""
        now = Watch.start()
        found = []
        if self.busy is not None and now.busy is not None:
            others = (now.busy - self.busy - (now.own - self.own)) / (now.since - self.since)
            if others > OTHERS:
                found.append(
                    f"Other programs kept {others:.1f} cores busy while measuring: stop them and measure again, or"
                    " raise --seconds for narrower intervals."
                )
        if self.clock_mhz and now.clock_mhz and now.clock_mhz < (1 - CLOCK_FELL) * self.clock_mhz:
            found.append(
                f"The clock fell from {self.clock_mhz:.0f} to {now.clock_mhz:.0f} MHz while measuring: the processor"
                " was throttled; let it cool and measure again, with lower --seconds."
            )
        return found


def _busy(stat: Path = Path("/proc/stat")) -> float | None:
    """Processor seconds that all cores together were not idle since the machine started."""
    if not stat.is_file():
        return None
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(int, stat.read_text().splitlines()[0].split()[1:])
    return float(user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
