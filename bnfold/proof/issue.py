"""From a Plan and what became of the tensors to a certificate; the only file here that knows the solver's side."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

import numpy as np

from bnfold.layout.view import View
from bnfold.network import Network
from bnfold.plan import Plan, Unit
from bnfold.proof.certificate import Certificate, Claim


def issue(
    network: Network,
    plan: Plan,
    stored: Mapping[str, str],
    frozen_inputs: Iterable[str] = (),
    views: Mapping[str, View] | None = None,
    tensors: Container[str | None] | None = None,
) -> Certificate:
    """The claims that a fold makes.

    Args:
        network: the facts of the model before.
        plan: what was done.
        stored: which tensor of the folded model holds each of the model before.
        frozen_inputs: inputs that were taken for constants.
        views: where tensors of the file are found that its layout lost before facts were read.
        tensors: those of the file, if its layout was changed, for there is nothing to say about others; None for all.
    """
    inside = plan.inside
    original = Unit(np.ones(()), np.zeros(()))
    claims = {}
    for node in network.nodes:
        for tensor in node.outputs:
            if tensor is None or tensor.name not in stored or node.name in inside:
                continue
            unit = plan.units.get(tensor.name, original)
            # A channel that stores a constant whatever X is says nothing about X, and nobody but its reader needs it.
            if (unit.gain != 0).all() and not (unit.trivial and stored[tensor.name] == tensor.name):
                claims[tensor.name] = Claim(stored[tensor.name], unit.scale, unit.shift)
    for name, view in (views or {}).items():
        same = Claim(stored.get(view.tensor, ""), original.scale, original.shift)
        claim = claims.get(view.tensor, same)
        if claim.stored or view.perm is not None:
            claims[name] = replace(claim, perm=view.perm)
    said = {name: claim for name, claim in claims.items() if tensors is None or name in tensors}
    return Certificate(said, tuple(frozen_inputs))
