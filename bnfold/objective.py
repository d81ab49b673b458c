"""What a fold may be for; imports nothing, because every command's help names it."""

from __future__ import annotations

from enum import StrEnum


class Objective(StrEnum):
    """What a fold is for.

    `latency` only takes what is free or counts less than what it saves; `eliminate` removes every affine operator that
    has an exact form without it, whatever that costs.
    """

    LATENCY = "latency"
    ELIMINATE = "eliminate"
