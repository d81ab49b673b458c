"""What a fold is proved with: inputs, the sampled verification, and the claims for every input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bnfold.errors import SourceError
from bnfold.folding import Folded
from bnfold.graph.tensors import unrounded
from bnfold.progress import Progress, prefixed
from bnfold.proof.certificate import Certificate
from bnfold.sources import Source
from bnfold.sources.onnx import load
from bnfold.sources.raw_images import RawImages, check_against_unchanged
from bnfold.verification.verdict import Verification

if TYPE_CHECKING:
    from bnfold.proof.result import Proof
    from bnfold.verification import Batch, Data, Preprocess, Settings
    from bnfold.verification.witnessed import Witness

Shapes = Mapping[str, tuple[int, ...]]

WITNESSED = 2
"""Batches on which a PyTorch module is compared with the ONNX model made of it."""


@dataclass(frozen=True)
class Inputs:
    """Batches to prove with, and a user's own samples."""

    batches: Sequence[Batch]
    samples: Data | None


def inputs_of(
    source: Source, more_shapes: Sequence[Shapes], data: str | Path | None, preprocess: Preprocess | None
) -> Inputs:
    """Seeded batches for the inputs of a source, and the samples of `data`.

    Raises:
        UsageError: a shape or the data does not fit the inputs.
        SourceError: the data cannot be read.
    """
    from bnfold.verification import load_data, make_batches, specs_of

    specs = specs_of(load(source.path))
    samples = None if data is None else load_data(Path(data), specs, preprocess)
    return Inputs(make_batches(specs, shapes=[source.shapes, *more_shapes]), samples)


def verify(
    original: Path, folded: Folded, file: Path, inputs: Inputs, settings: Settings | None, tell: Progress
) -> tuple[Verification, Proof]:
    """Run the original, the unrounded fold and its file on the inputs, and judge the differences; and the other proof.

    The checker walks both graphs in a thread meanwhile. It has nothing in common with what is sampled but the files.

    Args:
        original: an ONNX file.
        folded: its fold, of which `file` holds the rounded form.
        file: the folded file.
        inputs: what to feed.
        settings: tolerances and limits; None for the defaults.
        tell: called with the name of each step.
    """
    from bnfold.verification import Settings, verify_fold

    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(proved, original, file, folded.certificate)
        verification = verify_fold(
            load(original),
            unrounded(folded.model),
            original,
            file,
            inputs.batches,
            inputs.samples,
            units=folded.plan.units,
            stored_in={name: claim.stored for name, claim in folded.certificate.claims.items() if claim.perm is None},
            settings=replace(settings or Settings(), progress=prefixed(tell, "verifying: ")),
        )
        if not checked.done():
            tell("checking every operator's equation")
        return verification, checked.result()


def with_witness(verification: Verification, given: Source, witness: Witness) -> Verification:
    """The verification, and how far the PyTorch module is from the ONNX model that was made of it."""
    from bnfold.verification import make_batches, specs_of
    from bnfold.verification.witnessed import with_witness as judged

    batches = make_batches(specs_of(load(given.path)), shapes=[given.shapes])[:WITNESSED]
    return judged(verification, given.path, witness, batches)


def proved(original: Path, folded: Path, certificate: Certificate) -> Proof:
    """The proof for every input; a model that the checker cannot read is not proved."""
    from bnfold.proof.checker import check_files
    from bnfold.proof.result import Measured, Proof, Unproved

    try:
        return check_files(original, folded, certificate)
    except SourceError as error:
        return Proof((Unproved("the model", "", str(error)),), 0, Measured())


def with_images(verification: Verification, given: Path, raw: Path, images: RawImages, batch: Batch) -> Verification:
    """The verification, and what the original says when it is fed with the normalized, transposed images."""
    from bnfold.verification.evaluator import Float64Error

    try:
        found = check_against_unchanged(given, raw, images, batch.feeds)
    except Float64Error as error:
        sentence = f"The normalization could not be checked against the original in float64: {error}"
    else:
        sentence = f"Fed with the normalized images, the original gives the same in float64, within {found:.0e}."
    return replace(verification, sentences=(*verification.sentences, sentence))
