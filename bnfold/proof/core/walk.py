"""The walk: prove, front to back, how the folded model stores every tensor of the original."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from bnfold.proof.certificate import Certificate
from bnfold.proof.core.equations import compare_affine, compare_composed, compare_linear
from bnfold.proof.core.units import ORIGINAL, Units, UnprovedError, demand
from bnfold.proof.maps.affine import Affine, chain, constants_of, same_growth
from bnfold.proof.maps.border import without_pad
from bnfold.proof.maps.composed import Layout, scaled
from bnfold.proof.maps.layers import Linear, layer
from bnfold.proof.maps.regions import compose
from bnfold.proof.reading.network import Network
from bnfold.proof.reading.node import Node
from bnfold.proof.reading.subgraphs import formal_inputs, inside
from bnfold.proof.result import Measured, Unproved
from bnfold.proof.rules import follows
from bnfold.proof.rules.clamps import clamps, same_clamp
from bnfold.proof.rules.pair import Pair, same_call
from bnfold.proof.rules.settings import same_settings


class Walk:
    """One graph of the original and one of the folded model, walked in step.

    Attributes:
        facts: what is claimed so far of the original's tensors: the tensor that stores each, and in which units.
        unproved: the claims that do not follow.
        measured: how far rewritten numbers are from their exact values.
    """

    def __init__(self, original: Network, folded: Network, certificate: Certificate) -> None:
        self._original, self._folded = original, folded
        self._certificate = certificate
        self.facts: dict[str, tuple[str, Units]] = {name: (name, ORIGINAL) for name in original.inputs}
        self.measured: Measured = Measured()
        self.unproved: list[Unproved] = []
        self._walked: set[tuple[Node, Node]] = set()

    def run(self) -> None:
        """Prove what both models compute."""
        self._interface()
        self._nodes()
        for name in self._original.outputs:
            self._output(name, name)

    def report(self, node: str, tensor: str, reason: str) -> None:
        """Note what does not follow."""
        self.unproved.append(Unproved(node, tensor, reason))

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

    def _nodes(self) -> None:
        needed = self._original.needed()
        for node in self._original.nodes:
            for tensor in node.outputs:
                if tensor not in self._original.constants and tensor in needed:
                    self._tensor(node, tensor)

    def _tensor(self, node: Node, tensor: str) -> None:
        claim = self._certificate.claims.get(tensor)
        if claim is None:
            if tensor not in self._folded.writer:
                return
            stored, units = tensor, ORIGINAL
        elif not claim.stored:
            return
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
        """Raise `UnprovedError` unless the claim follows in one of the four ways, or for every turn of a subgraph."""
        steps, twins = list(chain(self._original, tensor)), list(chain(self._folded, stored))
        open_ = None
        try:
            if self._by_affine(steps, twins, units) or self._by_layer(tensor, steps[-1], twins, units):
                return
        except UnprovedError as error:
            open_ = error
        demand(stored in self._folded.writer, f"{stored} is an input")
        twin = self._folded.writer[stored][0]
        pair = Pair(self._original, self._folded, tensor, stored, node, twin, units, self._units)
        try:
            follows(pair)
        except UnprovedError as error:
            if not self._by_clamp(tensor, stored, units) and not self._by_subgraphs(pair):
                raise (open_ or error) from None

    def _by_affine(self, steps: list[tuple[str, Affine]], twins: list[tuple[str, Affine]], units: Units) -> bool:
        """Whether both tensors are affine functions of an earlier pair; if so, the functions must agree."""
        forms = dict(reversed(twins))
        for source, form in steps[1:]:
            stored, proved = self.facts.get(source, ("", ORIGINAL))
            if stored in forms:
                shape = self._original.shape(source)
                demand(same_growth(shape, form.shape, forms[stored].shape), "a constant changes the shape")
                alone = [name for name, _ in twins[1:2]] == [stored]
                names = constants_of(self._folded, twins[0][0]) if alone else ("", "")
                compare_affine(names, form, forms[stored], proved, units, self.measured)
                return True
        return False

    def _by_layer(self, tensor: str, step: tuple[str, Affine], twins: list[tuple[str, Affine]], units: Units) -> bool:
        """Whether a linear layer of the folded model computes what stores a tensor; if so, it must be the right one."""
        (root, form), (twin_root, twin_form) = step, twins[-1]
        ours, theirs = layer(self._original, root), layer(self._folded, twin_root)
        if theirs is None:
            twin_root, twin_form = twins[0]  # a depthwise layer counts as an affine function, too
            theirs = layer(self._folded, twin_root)
            if theirs is None:
                return False
        elif ours is not None:
            source = self.facts.get(ours.source, ("", ORIGINAL))
            theirs = theirs if source[0] == theirs.source else without_pad(self._folded, theirs)
            if source[0] == theirs.source:
                bias = self._bias(twin_root) if len(twins) == 1 else ""  # what stands behind was rounded as well
                compare_linear(bias, (ours, form), (theirs, twin_form), source[1], units, self.measured)
                return True
        self._by_region(tensor, twin_root, theirs, twin_form, units)
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
        if (node, twin) in self._walked:
            return True
        self._walked.add((node, twin))
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

    def _bias(self, root: str) -> str:
        node = self._folded.writer[root][0]
        return "" if node.op == "MatMul" else node.input(2)

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
