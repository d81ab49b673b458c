"""What is to be judged, and how: the models, their inputs, and what the user asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import onnx_ir as ir

from bnfold.isolation import Limits
from bnfold.progress import Meter, Progress, silent
from bnfold.verification.batches import Batch
from bnfold.verification.data import Data, portions
from bnfold.verification.inputs import specs_of
from bnfold.verification.reference import Float64Error, Reference
from bnfold.verification.sensitivity import Outputs
from bnfold.verification.tolerance import Tolerances

DATA_SAMPLES = 8


@dataclass(frozen=True)
class Settings:
    """What a user may ask for.

    Attributes:
        tolerances: in the place of the measured ones.
        limits: of the child processes that ONNX Runtime runs in.
        trace: compare every tensor even where nothing failed.
        progress: called with the name of each step and the share that is done.
    """

    tolerances: Tolerances = field(default_factory=Tolerances)
    limits: Limits = field(default_factory=Limits)
    trace: bool = False
    progress: Progress = silent


@dataclass
class Case:
    """Two models, as graphs and as files, and the inputs for both.

    Attributes:
        left_out: sentences on batches that the original refused.
    """

    original: ir.Model
    folded: ir.Model
    original_path: Path
    folded_path: Path
    batches: list[Batch]
    data: Data | None
    settings: Settings
    meter: Meter
    left_out: list[str] = field(default_factory=list)

    def truths(self) -> list[Outputs]:
        """Float64 outputs of the original; optional batches that it refuses are left out from here on.

        Raises:
            Float64Error: it cannot be evaluated.
        """
        reference, found, kept = Reference(self.original), [], []
        for batch in self.batches:
            try:
                found.append(reference.run(batch.feeds))
                kept.append(batch)
            except Float64Error as error:
                if not batch.optional:
                    raise
                self.left_out.append(f"The batch {batch.name} was left out, because the original refuses it: {error}")
            self.meter.advance(batch.elements)
        self.batches = kept
        return found

    def evaluate(self, model: ir.Model) -> list[Outputs]:
        """Float64 outputs of a model for every batch.

        Raises:
            Float64Error: it cannot be evaluated.
        """
        reference, found = Reference(model), []
        for batch in self.batches:
            found.append(reference.run(batch.feeds))
            self.meter.advance(batch.elements)
        return found


def with_data(model: ir.Model, batches: Sequence[Batch], data: Data | None) -> list[Batch]:
    """The batches, and one of the user's first samples."""
    if data is None:
        return list(batches)
    return [*batches, Batch("data", next(portions(data, specs_of(model), DATA_SAMPLES)))]
