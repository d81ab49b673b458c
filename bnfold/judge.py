"""Judge two models of any kind that bnfold reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnfold import sources
from bnfold.refusal import refuse
from bnfold.sources import Reading, Source
from bnfold.sources.onnx import load

if TYPE_CHECKING:
    from bnfold.progress import Progress
    from bnfold.proof.result import Proof
    from bnfold.verification import Preprocess, Settings, Verification


def verify(
    reference: Any,
    candidate: Any,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    more_shapes: Sequence[Mapping[str, tuple[int, ...]]] = (),
    data: str | Path | None = None,
    preprocess: Preprocess | None = None,
    settings: Settings | None = None,
    arch: str | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> Verification:
    """Judge whether `candidate` computes what `reference` computes.

    Args:
        reference, candidate: paths to .onnx files or PyTorch checkpoints, ONNX models, or `nn.Module`s.
        shapes: input shapes by name, batch first, where the models do not tell them.
        more_shapes: further shapes to try, such as other batch sizes.
        data, preprocess: samples of your own, as for `fold`.
        settings: tolerances, and limits of the child processes: a `bnfold.verification.Settings`.
        arch, trust: how PyTorch files are read, as for `fold`; a state dict on either side is of `arch`.
        progress: called with the name of each step and, where it is known, the share that is done, 0 to 1.

    Returns:
        The verdict with its numbers; "different" is an answer here, not an exception.

    Raises:
        UsageError: the interfaces differ, or shapes, data or tolerances do not fit.
        SourceError: a model is missing, damaged or not supported, or ONNX Runtime crashed, hung or ran out of memory on
            the reference.

    Examples:
        >>> found = bnfold.verify("model.onnx", "folded.onnx")
        >>> found.verdict, found.rounding.holds
        ('equivalent', True)
        >>> from bnfold.verification import Settings, Tolerances
        >>> strict = Settings(Tolerances(rtol={"output": 1e-9}))
        >>> bnfold.verify("model.onnx", "folded.onnx", settings=strict).verdict
        'different'
    """
    refuse("Without data", {"preprocess": preprocess is not None and data is None})
    from bnfold.verification import Settings, load_data, make_batches, specs_of, verify_files

    with ExitStack() as stack:
        first, second = _both(stack, reference, candidate, shapes, Reading(arch, trust))
        specs = specs_of(load(first.path))
        batches = make_batches(specs, shapes=[first.shapes, *more_shapes])
        samples = None if data is None else load_data(Path(data), specs, preprocess)
        if progress is not None:
            settings = replace(settings or Settings(), progress=progress)
        return verify_files(first.path, second.path, batches, samples, settings=settings)


def verify_certificate(
    reference: str | Path,
    candidate: str | Path,
    certificate: str | Path,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    arch: str | None = None,
    trust: bool = False,
) -> Proof:
    """Check that a certificate proves `candidate` to compute what `reference` computes, for every input.

    Nothing is run and nothing sampled; what is proved, and what not, says docs/certificate.md.

    Args:
        reference, candidate: the two files that the certificate was written for.
        certificate: what `fold` wrote.
        shapes: input shapes by name, batch first, if the reference is a PyTorch checkpoint that does not tell them.
        arch, trust: how PyTorch files are read, as for `fold`.

    Returns:
        The proof; what it leaves open is an answer here, not an exception.

    Raises:
        UsageError: the certificate is about other files.
        SourceError: a file is missing, damaged or not supported.

    Examples:
        >>> _ = bnfold.fold("model.onnx", output="folded.onnx", certificate="folded.cert", force=True)
        >>> proof = bnfold.verify_certificate("model.onnx", "folded.onnx", "folded.cert")
        >>> proof.proved, proof.unproved
        (True, ())
    """
    from bnfold.proof.certificate import read
    from bnfold.proof.checker import check_files

    with ExitStack() as stack:
        first, second = _both(stack, reference, candidate, shapes, Reading(arch, trust))
        claims = read(Path(certificate), Path(reference), Path(candidate))
        return check_files(first.path, second.path, claims)


def _both(
    stack: ExitStack, reference: Any, candidate: Any, shapes: Mapping[str, tuple[int, ...]] | None, reading: Reading
) -> tuple[Source, Source]:
    first, second = (stack.enter_context(sources.opened(model, shapes, reading)) for model in (reference, candidate))
    return first, second
