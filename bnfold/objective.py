"""What a fold may be for; imports next to nothing, because every command's help names it."""

from __future__ import annotations

from enum import StrEnum

from bnfold.errors import UsageError


class Objective(StrEnum):
    """What a fold is for.

    `latency` only takes what is free or counts less than what it saves; `eliminate` removes every affine operator that
    has an exact form without it, whatever that costs.
    """

    LATENCY = "latency"
    ELIMINATE = "eliminate"


def objective_of(given: Objective | str) -> Objective:
    """The objective of this name; raises `UsageError` if there is none."""
    try:
        return Objective(given)
    except ValueError:
        known = " or ".join(f"'{objective}'" for objective in Objective)
        raise UsageError(f"objective={given!r} is unknown; it is {known}.") from None
