"""Why a removal does not fit: from a contradiction between equations to the reason that a user reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnfold.gauge.advice import advice
from bnfold.gauge.equations import Contradiction, Ids
from bnfold.gauge.units import Candidate, Demand
from bnfold.plan import SENTENCES, Code, Reason


def explained(
    candidate: Candidate,
    code: Code,
    contradiction: Contradiction,
    alone: Ids,
    demands: Sequence[Demand],
    *,
    blank: bool,
) -> tuple[Reason, tuple[str, ...]]:
    """The reason, and the names of removed operators that the candidate contradicts, the nearest first.

    Args:
        candidate: what does not fit.
        code: the system that contradicted.
        contradiction: the equation that was met first, and who asked for what it contradicts.
        alone: indices [n] of the candidate's equations that contradict, each taken alone.
        demands: of all nodes.
        blank: whether the candidate's equations for dead channels come behind those for all others.
    """
    wrong = np.unique(np.append(alone, contradiction.index))
    dead = np.broadcast_to(candidate.dead, candidate.y_gauge.shape).reshape(-1)
    stated = np.flatnonzero(~dead)
    if blank:
        stated = np.concatenate([stated, np.flatnonzero(dead)])
    channels = channels_of(candidate, stated[wrong])
    channel = channel_of(candidate, int(stated[contradiction.index]))
    others = [
        demand for demand in (demands[origin] for origin in contradiction.origins) if demand.node != candidate.node.name
    ]
    others.sort(key=lambda demand: demand.node == candidate.y.name)  # that its own output stays explains least
    rivals = tuple(demand.node for demand in others if demand.removal)
    if not others:
        return Reason(code, SENTENCES[code], channel, None, channels), rivals
    against = others[0]
    sentence = f"{SENTENCES[code]}: {against.node} {against.text}"
    if rivals and against.node not in rivals:
        sentence += f", and {rivals[0]} is removed already, which saves no less"
    return Reason(code, sentence, channel, against.node, channels, advice(code, against, channels)), rivals


def channels_of(candidate: Candidate, flat: Ids) -> tuple[int, ...]:
    """The channels of elements of the candidate's gauge, ascending; none for a scalar."""
    along = [axis for axis, extent in enumerate(candidate.y_gauge.shape) if extent > 1]
    if not along:
        return ()
    positions = np.unravel_index(flat, candidate.y_gauge.shape)
    return tuple(np.unique(positions[along[0]]).tolist())


def channel_of(candidate: Candidate, flat: int) -> int | None:
    """The channel of an element of the candidate's gauge; None for a scalar."""
    return next(iter(channels_of(candidate, np.asarray([flat]))), None)


def because(code: Code, channel: int | None = None) -> Reason:
    """A reason that names no other node."""
    return Reason(code, SENTENCES[code], channel)
