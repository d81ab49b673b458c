"""What is to be judged, and how: the models, their inputs, and what the user asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx_ir as ir

from bnfold.isolation import Limits
from bnfold.progress import Meter, Progress, silent
from bnfold.verification import sentences as say
from bnfold.verification.batches import Batch
from bnfold.verification.data import Data, portions
from bnfold.verification.effort import choose
from bnfold.verification.evaluator import Float64Error
from bnfold.verification.inputs import specs_of
from bnfold.verification.reference import Reference
from bnfold.verification.sensitivity import Outputs
from bnfold.verification.tolerance import Tolerances

DATA_SAMPLES = 8
OWN_TYPE_PASSES = 1.0
"""Work of the runs in the models' own type, in passes through a model in float64."""


@dataclass(frozen=True)
class Settings:
    """What a user may ask for.

    Attributes:
        tolerances: in the place of the measured ones.
        limits: of the child processes that ONNX Runtime runs in.
        trace: compare every tensor even where nothing failed.
        thorough: run every batch, however large the network is.
        progress: called with the name of each step and the share that is done.
    """

    tolerances: Tolerances = field(default_factory=Tolerances)
    limits: Limits = field(default_factory=Limits)
    trace: bool = False
    thorough: bool = False
    progress: Progress = silent


@dataclass
class Case:
    """Two models, as graphs and as files, and the inputs for both.

    Attributes:
        plain, moving: passes in float64 that a batch needs, and how many more where weights are moved.
        budget: of multiply-adds, see `effort`.
        traced: elements of input that go through models to compare every tensor.
        moved_on: how many of the first batches weights are moved on.
        left_out: sentences on batches that did not run.
    """

    original: ir.Model
    folded: ir.Model
    original_path: Path
    folded_path: Path
    batches: list[Batch]
    data: Data | None
    settings: Settings
    meter: Meter
    plain: int
    moving: int
    budget: float
    traced: float = 0.0
    moved_on: int = 0
    left_out: list[str] = field(default_factory=list)

    def truths(self) -> list[Outputs]:
        """Float64 outputs of the original; what it refuses or the budget has no room for is left out from here on.

        Raises:
            Float64Error: it cannot be evaluated.
        """
        reference, first = Reference(self.original), self.batches[0]
        found = self._tried(reference, [first])
        effort = choose(self.batches, self.plain, self.moving, reference.work / max(1, first.elements), self.budget)
        self.meter.expect(effort.passes + OWN_TYPE_PASSES * sum(b.elements for b in effort.batches) + self.traced)
        found += self._tried(reference, effort.batches[1:])
        self.batches = [batch for batch, _ in found]
        self.moved_on = min(effort.moved_on, len(found))
        self.left_out += [effort.note] if effort.note else []
        self._note_lent(reference)
        return [outputs for _, outputs in found]

    def _tried(self, reference: Reference, batches: Sequence[Batch]) -> list[tuple[Batch, Outputs]]:
        """Those batches that the original takes, and what it makes of them."""
        found = []
        for batch in batches:
            try:
                found.append((batch, reference.run(batch.feeds)))
            except Float64Error as error:
                if not batch.optional:
                    raise
                self.left_out.append(f"The batch {batch.name} was left out, because the original refuses it: {error}")
            self.meter.advance(batch.elements)
        return found

    def evaluate(self, model: ir.Model, first: int | None = None) -> list[Outputs]:
        """Float64 outputs of a model for every batch, or for so many of the first.

        Raises:
            Float64Error: it cannot be evaluated.
        """
        batches, found, reference = self.batches[:first], [], Reference(model)
        for batch, outputs in zip(batches, reference.run_each([b.feeds for b in batches]), strict=True):
            found.append(outputs)
            self.meter.advance(batch.elements)
        self._note_lent(reference)
        return found

    def _note_lent(self, reference: Reference) -> None:
        for operator in reference.lent:
            note = say.of_lent(operator)
            self.left_out += [] if note in self.left_out else [note]

    def everywhere(self, moved: Sequence[dict[str, float]]) -> list[dict[str, float]]:
        """What moving weights does to the outputs; the first batch stands for those on which none were moved."""
        return [*moved, *(moved[0] for _ in self.batches[len(moved) :])]


def with_data(model: ir.Model, batches: Sequence[Batch], data: Data | None) -> list[Batch]:
    """The batches, and one of the user's first samples."""
    if data is None:
        return list(batches)
    return [*batches, Batch("data", next(portions(data, specs_of(model), DATA_SAMPLES)))]
