"""The first tensor that differs without excuse, and the nodes between it and the tensors that still agree."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import onnx_ir as ir

from bnfold.verification.trace import Site, title

# A tensor that no units explain better than this may have only its name in common.
COMPARABLE = 1e-2
SHOWN = 5


@dataclass(frozen=True)
class Blame:
    """Where two models part.

    Attributes:
        site: the first tensor whose error no units explain.
        start: the first tensor on the way to it that is not what it was: `site` itself, or one before it that only
            other units would explain, such as the output of a layer with a wrong bias.
        reference, candidate: the nodes of each model from the last tensors that agree to `site`.
    """

    site: Site
    start: Site
    reference: tuple[str, ...]
    candidate: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One or two sentences with the numbers."""
        site, start = self.site, self.start
        found = (
            f"The first tensor that differs is {site.tensor}, written by {site.node}, in channel {site.channel}: by "
            f"{site.error:.1e} in float64, where at most {site.bound:.1e} can be explained."
            if site.error < inf
            else f"The first tensor that differs is {site.tensor}, written by {site.node}: in its shape, or in a value "
            "that is not finite."
        )
        if start is not site:
            found += (
                f" The way there begins at {start.node}: {start.tensor} is off by {start.direct:.1e} in channel "
                f"{start.direct_channel}, which only other units would explain."
            )
        return f"{found} Between it and what still agrees: {_listed(self.reference)} became {_listed(self.candidate)}."

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "site": self.site.to_json(),
            "start": self.start.to_json(),
            "reference_nodes": list(self.reference),
            "candidate_nodes": list(self.candidate),
        }


def blame(reference: ir.Model, candidate: ir.Model, sites: Sequence[Site], *, trusted: bool) -> Blame | None:
    """The first site that does not hold, or None.

    Args:
        reference, candidate: the models.
        sites: as `trace` returns them.
        trusted: a name surely means the same tensor in both; otherwise one that is altogether different is taken for
            another tensor and passed over.
    """
    guilty = next((s for s in sites if not s.holds and (trusted or s.error <= COMPARABLE)), None)
    if guilty is None:
        return None
    agreed = [site for site in sites if site.unchanged]
    ours = way(reference, guilty.tensor, {site.tensor for site in agreed})
    theirs = way(candidate, guilty.stored, {site.stored for site in agreed})
    on_way = {id(node) for node in theirs}
    writers = {v.name: node for node in candidate.graph for v in node.outputs}
    start = next(s for s in sites if s is guilty or (not s.unchanged and id(writers[s.stored]) in on_way))
    return Blame(guilty, start, tuple(map(title, ours)), tuple(map(title, theirs)))


def way(model: ir.Model, tensor: str, agreed: Collection[str]) -> list[ir.Node]:
    """The nodes that lead from agreed tensors (or inputs) to a tensor, in the order of the graph."""
    writers = {v.name: node for node in model.graph for v in node.outputs}
    found: set[int] = set()
    waiting = [tensor]
    while waiting:
        node = writers.get(waiting.pop())
        if node is None or id(node) in found or node.op_type == "Constant":
            continue
        found.add(id(node))
        waiting += [v.name for v in node.inputs if v is not None and v.name and v.name not in agreed]
    return [node for node in model.graph if id(node) in found]


def _listed(nodes: Sequence[str]) -> str:
    more = len(nodes) - SHOWN
    return ", ".join(nodes[-SHOWN:]) + (f" and {more} before" if more > 0 else "") if nodes else "nothing"
