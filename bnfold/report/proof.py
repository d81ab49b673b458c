"""How a terminal shows the proof for every input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from bnfold.proof.core.units import BITS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bnfold.proof.result import Proof

SHOWN = 10  # open claims that are listed


def verdict(proof: Proof) -> Text:
    """The verdict in a few words."""
    return Text(proof.sentence, style="bold green" if proof.proved else "yellow")


def details(proof: Proof) -> list[RenderableType]:
    """How much was checked, how well the weights are rounded, and what is left open."""
    measured = proof.measured
    parts: list[RenderableType] = [Text(f"  {proof.tensors:,} tensors were checked, operator by operator.")]
    if measured.rewritten:
        parts.append(
            Text(
                f"  {measured.rewritten:,} rewritten weights; of {measured.sampled:,} computed again with {BITS} bits, "
                f"the worst is {measured.worst[1]:.3f} ulp off."
            )
        )
    for item in proof.unproved[:SHOWN] if len(proof.unproved) > 1 else ():
        parts.append(Text(f"  {item.node} ({item.tensor}): {item.reason}"))
    if len(proof.unproved) > SHOWN:
        parts.append(Text(f"  and {len(proof.unproved) - SHOWN} more"))
    return parts


def certificate_report(proof: Proof) -> list[RenderableType]:
    """The outcome of checking a certificate."""
    return [Text.assemble("Certificate: ", verdict(proof)), *details(proof)]
