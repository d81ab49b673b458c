"""Freedom that is left is spent on keeping original units: outputs of removed operators first, then all in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bnfold.gauge.equations import Ids, named_first
from bnfold.gauge.linear_system import LinearSystem
from bnfold.gauge.search import Search
from bnfold.gauge.units import Candidate
from bnfold.plan import Code, Unit


@dataclass(frozen=True)
class Settled:
    """What does not keep its original units.

    Attributes:
        tensors: units by tensor name.
        operands: units of constants that a node reads as data, by node name and input index.
    """

    tensors: Mapping[str, Unit]
    operands: Mapping[str, Mapping[int, Unit]]


def settle(search: Search) -> Settled:
    """Choose values for all unknowns of a finished search."""
    gauges = search.units.gauges
    removed = set(search.removed)
    first = [candidate.y.name for candidate in search.units.candidates if candidate in removed]
    names = list(dict.fromkeys([*first, *gauges]))
    values = _Values(search, [*(gauges[name] for name in names), *_operand_gauges(search)])
    tensors = {name: values.unit(gauges[name]) for name in names if values.changed(gauges[name])}
    for candidate in search.removed:
        if not candidate.dead.any():
            continue
        y = tensors.get(candidate.y.name, values.unit(gauges[candidate.y.name]))
        if candidate in search.blank:
            tensors[candidate.y.name] = replace(y, blank=np.broadcast_to(candidate.dead, y.gain.shape))
        else:
            x = tensors.get(candidate.x.name, values.unit(gauges[candidate.x.name]))
            tensors[candidate.x.name] = _with_dead(candidate, x, y)
    operands = {
        node: changed
        for node, by_index in search.units.operands.items()
        if (changed := {index: values.unit(ids) for index, ids in by_index.items() if values.changed(ids)})
    }
    return Settled(tensors, operands)


def _operand_gauges(search: Search) -> list[Ids]:
    return [ids for by_index in search.units.operands.values() for ids in by_index.values()]


class _Values:
    """Gain and offset of every unknown."""

    def __init__(self, search: Search, gauges: list[Ids]) -> None:
        ids = np.concatenate([np.zeros(0, np.int64), *(gauge.reshape(-1) for gauge in gauges)])
        unique = ids[named_first(ids, np.empty(int(ids.max(initial=0)) + 1, np.int64))]
        values = {code: _by_id(system, unique) for code, system in search.systems.items()}
        self._gain = np.exp(-values[Code.SCALE])
        if Code.SIGN in values:
            self._gain[values[Code.SIGN] % 2 == 1] *= -1
        self._offset = np.where(values[Code.SHIFT] == 0, 0.0, -values[Code.SHIFT] * self._gain)
        self._changed = (self._gain != 1) | (self._offset != 0)

    def changed(self, gauge: Ids) -> bool:
        """Whether a tensor does not keep its original units."""
        return bool(self._changed[gauge].any())

    def unit(self, gauge: Ids) -> Unit:
        return Unit(self._gain[gauge], self._offset[gauge])


def _by_id(system: LinearSystem, ids: Ids) -> np.ndarray:
    system.settle(ids)
    values = np.zeros(int(ids.max(initial=0)) + 1)
    values[ids] = system.values(ids)
    return values


def _with_dead(candidate: Candidate, x: Unit, y: Unit) -> Unit:
    """Dead channels of the input store the constant that the output wants."""
    constant = y.gain * candidate.affine.shift + y.offset
    return Unit(np.where(candidate.dead, 0.0, x.gain), np.where(candidate.dead, constant, x.offset))
