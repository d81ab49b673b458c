"""Equations between units as a reader writes them: S_y = a S_x, T_y = a T_x + b."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnfold.gauge.equations import GROUND, Ids
from bnfold.gauge.requirements import Requirements, Statement

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Words:
    """What the unknowns and the numbers of one call are called.

    Attributes:
        gauges: units by the name of their tensor; an unknown of two tensors goes by the first.
        numbers: per-channel or single numbers by letter.
    """

    gauges: Mapping[str, Ids]
    numbers: Mapping[str, NDArray[Any]]

    def scales(self, requirements: Requirements) -> list[str]:
        """What is asked of S."""
        found = [text for statement in requirements._scales for text in self._scale(statement)]
        found += [f"|S_{self._name(left)}| = |S_{self._name(right)}|" for left, right in _ids(requirements._sizes)]
        return found + [f"S_{self._name(ids)} > 0" for (ids,) in _ids(requirements._positives)]

    def shifts(self, requirements: Requirements) -> list[str]:
        """What is asked of T."""
        return [text for statement in requirements._shifts for text in self._shift(statement)]

    def copied(self, what: str, name: str) -> str | None:
        """Where the units of an output come from, if not from equations; None if they are its own."""
        gauge = self.gauges[name]
        if (gauge == GROUND).all():
            return f"{what}_{name} = {1 if what == 'S' else 0}"
        owners = [self._owner(int(i)) for i in gauge.flat]
        if all(owner == (name, index) for index, owner in enumerate(owners)):
            return None
        axes = [axis for axis, extent in enumerate(gauge.shape) if extent > 1]
        source = self.gauges[owners[0][0]]
        same = owners[0][0] != name and np.array_equal(source.reshape(-1), gauge.reshape(-1))
        if same and axes == [axis for axis, extent in enumerate(source.shape) if extent > 1]:
            return f"{what}_{name} = {what}_{owners[0][0]}"
        along = f" along {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}" if axes else ""
        if same and len(axes) == 1:
            return f"{what}_{name} = {what}_{owners[0][0]}{along}"
        elements = [self._element(what, owner) for owner in owners]
        width = gauge.shape[axes[-1]] if axes else 1
        lines = [", ".join(elements[start : start + width]) for start in range(0, len(elements), width)]
        return f"{what}_{name} = " + (f"({'; '.join(lines)}){along}" if len(elements) > 1 else elements[0])

    def _scale(self, statement: Statement) -> Sequence[str]:
        """S_y = factor * product of others, solved for the output where there is one."""
        if (within := self._within("S", statement)) is not None:
            return within
        names = [self._name(part) for part in statement.ids]
        power = dict(zip(names, (1, *[-1] * (len(names) - 1)), strict=True))
        left = next((name for name in names if name.startswith("y")), names[0])
        over = [f"S_{name}" for name in power if power[name] != power[left]]
        under = [f"S_{name}" for name in power if power[name] == power[left] and name != left]
        right = _times(self._number(statement.right), " ".join(over)) or "1"
        return [f"S_{left} = {right}" + (f" / {' '.join(under)}" if under else "")]

    def _shift(self, statement: Statement) -> Sequence[str]:
        """T_y = offset + sum of coefficient * T."""
        if (within := self._within("T", statement)) is not None:
            return within
        left, *others = (self._name(part) for part in statement.ids)
        numbers = [self._number(-np.asarray(coefficient)) for coefficient in statement.coefficients[1:]]
        terms = [_times(number, f"T_{name}") for number, name in zip(numbers, others, strict=True)]
        if np.any(statement.right):
            terms.append(self._number(statement.right) or "1")
        if not terms:
            return [" = ".join(f"T_{element}" for element in left.split(", ")) + " = 0"]
        return [f"T_{left} = " + " + ".join(terms).replace("+ −", "− ")]

    def _within(self, what: str, statement: Statement) -> Sequence[str] | None:
        """S_x₁ = S_x₃, where elements of one tensor must agree; None if the statement is not of that kind."""
        if len(statement.ids) != 2 or np.any(np.asarray(statement.right) != (1 if what == "S" else 0)):
            return None
        left, right = (np.broadcast_to(part, statement.size).reshape(-1) for part in statement.ids)
        if GROUND in {*left.tolist(), *right.tolist()}:
            return None
        pairs = [(self._owner(int(a)), self._owner(int(b))) for a, b in zip(left, right, strict=True)]
        if len({name for pair in pairs for name, _ in pair}) != 1:
            return None
        name = pairs[0][0][0]
        groups: list[set[int]] = []
        for (_, a), (_, b) in pairs:
            met = [group for group in groups if group & {a, b}]
            groups = [group for group in groups if group not in met] + [{a, b}.union(*met)]
        if len(groups[0]) == self.gauges[name].size:
            return [f"{what}_{name} the same in all channels"]
        ordered = [sorted(group) for group in sorted(groups, key=min)]
        return [" = ".join(self._element(what, (name, index)) for index in group) for group in ordered]

    def _name(self, part: Ids) -> str:
        """The tensor whose units these are, or the elements, if they are not all of it."""
        part = part.reshape(-1)
        for name, gauge in self.gauges.items():
            if np.array_equal(np.unique(gauge), np.unique(part)):
                return name
        owners = [self._owner(int(i)) for i in dict.fromkeys(part.tolist())]
        return ", ".join(self._element("", owner) for owner in owners)

    def _owner(self, unknown: int) -> tuple[str, int]:
        """The tensor that an unknown belongs to, and its place there."""
        for name, gauge in self.gauges.items():
            if (found := np.flatnonzero(gauge.reshape(-1) == unknown)).size:
                return name, int(found[0])
        raise KeyError(unknown)

    def _element(self, what: str, owner: tuple[str, int]) -> str:
        name, index = owner
        place = "" if self.gauges[name].size == 1 else str(index + 1).translate(SUBSCRIPTS)
        return f"{what}_{name}{place}" if what else f"{name}{place}"

    def _number(self, values: Any) -> str:
        """The letter of numbers, or the number if it is the same everywhere; nothing for 1, a minus for -1."""
        array = np.asarray(values, np.float64).reshape(-1)
        signs = ((1, ""), (-1, "−"))
        for sign, minus in signs:
            if (array == sign).all():
                return minus
        for letter, given in self.numbers.items():
            for sign, minus in signs:
                if np.array_equal(sign * np.broadcast_to(given.reshape(-1), array.shape), array):
                    return minus + letter
        assert np.ptp(array) == 0, "these numbers have no letter"
        return f"{array[0]:g}"


def _ids(statements: Sequence[Statement]) -> list[Sequence[Ids]]:
    return [statement.ids for statement in statements]


def _times(number: str, symbol: str) -> str:
    return number + symbol if number in ("", "−") else f"{number} {symbol}"
