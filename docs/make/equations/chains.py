"""Several equations as one: S_y = S_x and S_x > 0 make S_y = S_x > 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ATOM = re.compile(r"[ST]_\w+[₀-₉]*|0|1")
FREE = "any"
LIKEWISE = "likewise"


def joined(equations: Iterable[str]) -> str:
    """All equations, without repeating anything; `FREE` if there is none."""
    chains: list[list[str]] = []
    rest: list[str] = []
    for equation in dict.fromkeys(equations):
        sides = equation.split(" = ")
        if not all(ATOM.fullmatch(side) for side in sides):
            rest.append(equation)
            continue
        met = [chain for chain in chains if set(chain) & set(sides)]
        chains = [chain for chain in chains if chain not in met]
        chains.append(list(dict.fromkeys([*(atom for chain in met for atom in chain), *sides])))
    written = [_chain(chain, rest) for chain in chains]
    rest = [equation for equation in rest if not _follows(equation, chains)]
    first = rest[:1] if rest[:1] == [LIKEWISE] else []
    return ", ".join([*first, *written, *rest[len(first) :]]) or FREE


def likewise(shifts: Sequence[str], scales: Sequence[str]) -> list[str]:
    """The equations of the shifts, without those about single channels that the scales have as well."""
    same = {equation.replace("S_", "T_") for equation in scales if re.search("[₀-₉]|along", equation)}
    left = [equation for equation in shifts if equation not in same]
    return left if len(left) == len(shifts) else [LIKEWISE, *left]


def _chain(chain: Sequence[str], rest: list[str]) -> str:
    """The atoms of a chain, numbers last, and what is positive at its end."""
    ordered = sorted(chain, key=lambda atom: (atom in "01", not atom[2:].startswith("y")))
    positive = [f"{atom} > 0" for atom in chain if f"{atom} > 0" in rest]
    rest[:] = [equation for equation in rest if equation not in positive]
    return " = ".join(ordered) + (" > 0" if positive else "")


def _follows(equation: str, chains: Sequence[Sequence[str]]) -> bool:
    """Whether |S_y| = |S_x| is said by S_y = S_x already."""
    sizes = re.findall(r"\|(\w+)\|", equation)
    return len(sizes) == 2 and any(set(sizes) <= set(chain) for chain in chains)
