"""Check a certificate: walk the original front to back and prove, for every tensor, how the folded model stores it.

A claim about a tensor follows in one of four ways from claims about earlier tensors that are proved already:

1. Affine. The tensor is an affine function of an earlier one (over any number of nodes, or none that is left in the
   folded model), and so is the one that stores it; the two functions agree in the claimed units.
2. Linear. Both are affine functions of what a linear layer makes of an earlier tensor; all weights agree.
3. Region. All that lies between it and an earlier tensor makes one map, which one linear layer computes.
4. Operator. The same operator writes both, and its rule lets the units pass (see `operators`).

A Relu or Clip may also be stored as Max and Min by constants, if they clamp to the same interval (see `clamps`).

Together, for every input: graph inputs are equal, each step follows, so graph outputs are equal. What cannot be
proved is reported, and later steps are still looked at as if it held.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bnfold.proof.bodies import same_settings
from bnfold.proof.border import without_pad
from bnfold.proof.certificate import Certificate
from bnfold.proof.clamps import clamps, same_clamp
from bnfold.proof.composed import Layout, scaled
from bnfold.proof.equations import Measured, compare_affine, compare_composed, compare_linear
from bnfold.proof.forms import IDENTITY, Affine, chain, same_growth
from bnfold.proof.layers import Linear, layer
from bnfold.proof.layout import laid_out
from bnfold.proof.loops import formal_inputs, inside
from bnfold.proof.network import Network, Node, read
from bnfold.proof.operators import follows
from bnfold.proof.pair import Pair, same_call
from bnfold.proof.regions import compose
from bnfold.proof.units import ORIGINAL, Units, UnprovedError, demand


@dataclass(frozen=True)
class Unproved:
    """A claim that does not follow: the node it fails at, the tensor it is about, and why."""

    node: str
    tensor: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"node": self.node, "tensor": self.tensor, "reason": self.reason}


@dataclass(frozen=True)
class Proof:
    """What a check found.

    Attributes:
        unproved: what does not follow; empty if both models compute the same for every input.
        tensors: how many claims were looked at.
        measured: how far rewritten numbers are from their exact values.
        frozen_inputs: inputs of the original that must be left at their default values.
    """

    unproved: tuple[Unproved, ...]
    tensors: int
    measured: Measured
    frozen_inputs: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether nothing is left open."""
        return not self.unproved

    @property
    def sentence(self) -> str:
        """The verdict for a reader."""
        if self.unproved:
            first, more = self.unproved[0], len(self.unproved) - 1
            others = f" (and {more} more)" if more else ""
            return f"not proved for every input: {first.node}: {first.reason}{others}"
        limits = f", {', '.join(self.frozen_inputs)} left at the default" if self.frozen_inputs else ""
        return f"proved for every input{limits}"

    def to_json(self) -> dict[str, Any]:
        """Plain data, as documented in docs/json.md."""
        return {
            "verdict": "proved" if self.proved else "not_proved",
            "unproved": [item.to_json() for item in self.unproved],
            "tensors": self.tensors,
            "frozen_inputs": list(self.frozen_inputs),
            "weights": self.measured.to_json(),
        }


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
    walk = _Walk(laid_out(original, perms), folded, certificate)
    walk.run()
    for name in sorted(certificate.claims.keys() - original.tensors):
        walk.report("certificate", name, f"{name} is no tensor of the original")
    return Proof(tuple(walk.unproved), len(walk.facts), walk.measured, certificate.frozen_inputs)


class _Walk:
    def __init__(self, original: Network, folded: Network, certificate: Certificate) -> None:
        self._original, self._folded = original, folded
        self._certificate = certificate
        self.facts: dict[str, tuple[str, Units]] = {name: (name, ORIGINAL) for name in original.inputs}
        self.measured = Measured()
        self.unproved: list[Unproved] = []
        self._walked: set[Node] = set()

    def run(self) -> None:
        """Prove what both models compute."""
        self._interface()
        self._nodes()
        for name in self._original.outputs:
            self._output(name, name)

    def report(self, node: str, tensor: str, reason: str) -> None:
        """Note what does not follow."""
        self.unproved.append(Unproved(node, tensor, reason))

    def _nodes(self) -> None:
        needed = self._original.needed()
        for node in self._original.nodes:
            for tensor in node.outputs:
                if tensor not in self._original.constants and tensor in needed:
                    self._tensor(node, tensor)

    def _interface(self) -> None:
        """Equal names, types and extents of inputs and outputs, operator sets and functions."""
        a, b = self._original, self._folded
        for what, ours, theirs in (("input", a.inputs, b.inputs), ("output", a.outputs, b.outputs)):
            if list(ours) != list(theirs):
                self.report("interface", what, f"the {what}s have other names")
            for name in ours.keys() & theirs.keys():
                if ours[name] != theirs[name]:
                    self.report("interface", name, f"the {what} has another type or shape")
        if a.opsets != b.opsets:
            self.report("interface", "operators", "the models are written in other operator sets")
        if any(a.functions.get(key) != b.functions.get(key) for key in {*a.functions, *b.functions} & b.called):
            self.report("interface", "operators", "a function that the folded model calls is not the original's")

    def _tensor(self, node: Node, tensor: str) -> None:
        claim = self._certificate.claims.get(tensor)
        if claim is None:
            if tensor not in self._folded.writer:
                return
            stored, units = tensor, ORIGINAL
        else:
            stored, units = claim.stored, Units.of(claim.scale, claim.shift)
        try:
            units = self._fitting(tensor, units)
            demand(stored in self._folded.writer or stored in self._folded.inputs, f"there is no tensor {stored}")
            self.facts[tensor] = (stored, units)
            self._prove(node, tensor, stored, units)
        except UnprovedError as open_:
            self.report(node.title, tensor, str(open_))
        except Exception as error:  # a malformed node must not end the check, and is never proved
            self.report(node.title, tensor, f"it cannot be followed ({type(error).__name__})")

    def _fitting(self, tensor: str, units: Units) -> Units:
        """The units with as many axes as the tensor; they have its extents."""
        shape = self._original.shape(tensor)
        if shape is None:
            demand(units.uniform, "its shape is not known")
            return units
        demand(units.scale.ndim <= len(shape) or units.uniform, "its units have more axes than it has")
        if units.uniform:
            return units.map(lambda array: array.reshape((1,) * len(shape)))
        units = units.ranked(len(shape))
        fits = all(
            extent in (1, of) or not isinstance(of, int) for extent, of in zip(units.scale.shape, shape, strict=True)
        )
        demand(fits, "its units do not have its shape")
        return units

    def _prove(self, node: Node, tensor: str, stored: str, units: Units) -> None:
        steps, twins = list(chain(self._original, tensor)), list(chain(self._folded, stored))
        if self._by_affine(steps, twins, units):
            return
        (root, form), (twin_root, twin_form) = steps[-1], twins[-1]
        ours, theirs = layer(self._original, root), layer(self._folded, twin_root)
        if theirs is not None and ours is not None and self._stored_in(ours.source) != theirs.source:
            theirs = without_pad(self._folded, theirs)
        if theirs is not None and ours is not None and self._stored_in(ours.source) == theirs.source:
            source = self._units(ours.source, theirs.source)
            bias = self._bias(twin_root) if len(twins) == 1 else ""  # what stands behind was rounded as well
            compare_linear(bias, (ours, form), (theirs, twin_form), source, units, self.measured)
            return
        if theirs is None and stored in self._folded.writer and self._folded.writer[stored][0].op == "Conv":
            theirs, twin_root, twin_form = layer(self._folded, stored), stored, IDENTITY  # of one factor per channel
        if theirs is not None:
            self._by_region(tensor, twin_root, theirs, twin_form, units)
            return
        if stored not in self._folded.writer:
            raise UnprovedError(f"{stored} is an input")
        twin = self._folded.writer[stored][0]
        pair = Pair(self._original, self._folded, tensor, stored, node, twin, units, self._units)
        try:
            follows(pair)
        except UnprovedError as error:
            if not self._by_clamp(tensor, stored, units) and not self._by_subgraphs(pair):
                raise error

    def _by_affine(self, steps: list[tuple[str, Affine]], twins: list[tuple[str, Affine]], units: Units) -> bool:
        """Whether both tensors are affine functions of an earlier pair; if so, the functions must agree."""
        forms = dict(reversed(twins))
        for source, form in steps[1:]:
            stored, proved = self.facts.get(source, ("", ORIGINAL))
            if stored in forms:
                shape = self._original.shape(source)
                demand(same_growth(shape, form.shape, forms[stored].shape), "a constant changes the shape")
                compare_affine(form, forms[stored], proved, units, self.measured)
                return True
        return False

    def _by_clamp(self, tensor: str, stored: str, units: Units) -> bool:
        """Whether both tensors clamp an earlier pair, the nearest one; if so, to the same interval."""
        twins = {clamp.source: clamp for clamp in clamps(self._folded, stored)}
        for clamp in clamps(self._original, tensor):
            twin, proved = self.facts.get(clamp.source, ("", ORIGINAL))
            if twin in twins:
                same_clamp(clamp, twins[twin], proved, units)
                return True
        return False

    def _by_subgraphs(self, pair: Pair) -> bool:
        """Whether both nodes run subgraphs on equal inputs; if so, these are walked as well.

        A subgraph is given and gives original units, so what follows for one turn of a Loop follows for the next.
        """
        node, twin = pair.node, pair.twin
        if not node.bodies or not pair.y.identical:
            return False
        same_call(pair)
        same_settings(pair, 0)
        if node in self._walked:
            return True
        self._walked.add(node)
        formal = zip(formal_inputs(node), formal_inputs(twin), strict=True)
        for original, folded, names in zip(
            inside(self._original, node), inside(self._folded, twin), formal, strict=True
        ):
            inner = copy.copy(self)
            inner._original, inner._folded = original, folded
            inner.facts = {**self.facts, **{a: (b, ORIGINAL) for a, b in zip(*names, strict=True)}}
            inner._nodes()
            for name, stored in zip(original.outputs, folded.outputs, strict=True):
                inner._output(name, stored)
        return True

    def _by_region(self, tensor: str, root: str, twin: Linear, behind: Affine, units: Units) -> None:
        """All that lies between what a layer reads and a tensor makes one map, which is what the layer computes."""
        sources = {name: units for name, (stored, units) in self.facts.items() if stored == twin.source}
        demand(bool(sources), f"nothing is claimed about {twin.source}, which its layer reads")
        layout = Layout.of(self._folded, twin, rounded=True)
        ours = compose(self._original, tensor, sources, replace(layout, rounded=False))
        theirs = compose(self._folded, root, {twin.source: ORIGINAL}, layout)
        compare_composed(
            (twin.name, self._bias(root)), ours, scaled(theirs, behind, layout), units, layout, self.measured
        )

    def _bias(self, root: str) -> str:
        node = self._folded.writer[root][0]
        return "" if node.op == "MatMul" else node.input(2)

    def _stored_in(self, tensor: str) -> str | None:
        return self.facts[tensor][0] if tensor in self.facts else None

    def _units(self, tensor: str, stored: str) -> Units:
        if tensor not in self.facts:
            raise UnprovedError(f"nothing is claimed about its input {tensor}")
        name, units = self.facts[tensor]
        if name != stored:
            raise UnprovedError(f"its input {tensor} is stored as {name}, not as {stored}")
        return units

    def _output(self, name: str, twin: str) -> None:
        values = self._original.constants.get(name), self._folded.constants.get(twin)
        if values[0] is not None:
            if values[1] is None or not np.array_equal(values[0], values[1]):
                self.report("outputs", name, "the constant output differs")
            return
        stored, units = self.facts.get(name, ("", ORIGINAL))
        if stored != twin or not units.identical:
            self.report("outputs", name, "the output is not stored under its name in original units")
