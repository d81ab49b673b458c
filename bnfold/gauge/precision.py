"""A shift costs precision: removals that would cost too much of a tensor that stays stored are withdrawn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnfold.gauge.explain import channel_of
from bnfold.gauge.search import Search
from bnfold.gauge.units import Candidate
from bnfold.plan import SENTENCES, Code, Reason, Unit

MAX_LOST_BITS = 6.0
"""A stored tensor may lose this many bits of precision to a shift, not more."""


def most_lossy(search: Search, units: Mapping[str, Unit]) -> tuple[Candidate, Reason] | None:
    """The removal that costs most bits of a tensor that stays stored, if it costs too many.

    A shift T costs log2((|mean - T| + spread) / (|mean| + spread)) bits.
    """
    removed = {candidate.node.name for candidate in search.removed}
    worst: tuple[float, Candidate, int | None] | None = None
    for candidate in search.removed:
        for tensor in (candidate.x, candidate.y):
            statistics, unit = search.units.statistics.get(tensor.name), units.get(tensor.name)
            stays = any(node.name not in removed for node in search.units.readers.get(tensor.name, ()))
            if statistics is None or unit is None or not stays:
                continue
            shift = np.where(unit.gain == 0, 0.0, -unit.offset / np.where(unit.gain == 0, 1.0, unit.gain))
            stored = np.abs(statistics.mean - shift) + statistics.spread
            tiny = np.finfo(np.float64).tiny
            bits = np.log2((stored + tiny) / (np.abs(statistics.mean) + statistics.spread + tiny))
            if bits.max() > MAX_LOST_BITS and (worst is None or bits.max() > worst[0]):
                worst = float(bits.max()), candidate, channel_of(candidate, int(bits.argmax()))
    if worst is None:
        return None
    bits_lost, candidate, channel = worst
    sentence = f"{SENTENCES[Code.PRECISION]} ({bits_lost:.0f} bits; at most {MAX_LOST_BITS:.0f} are accepted)"
    return candidate, Reason(Code.PRECISION, sentence, channel)
