"""Check a certificate: read two models, walk them in step, and say what does not follow."""

from __future__ import annotations

from pathlib import Path

from bnfold.proof.certificate import Certificate
from bnfold.proof.core.walk import Walk
from bnfold.proof.reading.layout import laid_out
from bnfold.proof.reading.network import Network, read
from bnfold.proof.result import Proof


def check_files(original: Path, folded: Path, certificate: Certificate) -> Proof:
    """Prove what a certificate claims about two files.

    Raises:
        SourceError: a file is missing or no usable model.
    """
    frozen = certificate.frozen_inputs
    return check(read(original, frozen), read(folded), certificate)


def check(original: Network, folded: Network, certificate: Certificate) -> Proof:
    """Prove what a certificate claims about two models, or say at which node it does not follow."""
    perms = {name: claim.perm for name, claim in certificate.claims.items() if claim.perm is not None}
    original = original.without_calls(folded.called)
    walk = Walk(laid_out(original, perms), folded, certificate)
    walk.run()
    for name in sorted(certificate.claims.keys() - original.tensors):
        walk.report("certificate", name, f"{name} is no tensor of the original")
    return Proof(tuple(walk.unproved), len(walk.facts), walk.measured, certificate.frozen_inputs)
