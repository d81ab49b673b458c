"""The main job: read, solve, apply, prove, write, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import onnx_ir as ir

from bnfold import proving, save, sources
from bnfold.errors import UsageError, needing_torch
from bnfold.folding import Folded, How, fold_file, in_memory
from bnfold.measure import bench_fold
from bnfold.objective import Objective, objective_of
from bnfold.outgoing import stages
from bnfold.outgoing.suffixes import PYTORCH, check_suffix
from bnfold.progress import Progress, silent
from bnfold.proof.certificate import write as write_certificate
from bnfold.proving import Shapes
from bnfold.refusal import refuse
from bnfold.report.data import FoldDiffersError, FoldResult
from bnfold.reporting import report_of
from bnfold.side_files import check_side_files, data_of
from bnfold.sources import Reading
from bnfold.sources.onnx import at_fault, load
from bnfold.sources.raw_images import RawImages, taking
from bnfold.verification.verdict import Verification, not_run
from bnfold.withdraw import Withdrawn, until_proven

if TYPE_CHECKING:
    from bnfold.proof.result import Proof
    from bnfold.verification import Preprocess, Settings

BENCH_SECONDS = 10.0


def fold(
    source: Any,
    example_inputs: Any = None,
    *,
    output: str | Path | None = None,
    shapes: Shapes | None = None,
    more_shapes: Sequence[Shapes] = (),
    data: str | Path | None = None,
    preprocess: Preprocess | None = None,
    freeze_inputs: bool = False,
    merge: bool = True,
    objective: Objective | str = Objective.LATENCY,
    images: RawImages | None = None,
    opset: int | None = None,
    precision: Literal["fp16"] | None = None,
    simplify: bool = False,
    external_data: bool = False,
    arch: str | None = None,
    trust: bool = False,
    verify: bool = True,
    settings: Settings | None = None,
    bench: bool = False,
    bench_seconds: float = BENCH_SECONDS,
    certificate: str | Path | None = None,
    dry_run: bool = False,
    force: bool = False,
    keep_model: bool = True,
    details: bool = False,
    progress: Progress | None = None,
) -> FoldResult:
    """Fold every batch normalization and per-channel affine operator that exact algebra allows.

    Args:
        source: a path to an .onnx file or PyTorch checkpoint, an ONNX model (`onnx.ModelProto` or `onnx_ir.Model`), or
            an `nn.Module`; of any float type. It is not changed.
        example_inputs: a tensor, a tuple of tensors, or a dict of them by argument, that an `nn.Module` takes: batch
            first, in the module's own type. With it and without `output` the result is an `nn.Module`; of the other
            arguments only `merge` and `objective` then matter.
        output: the ONNX file to write, or, of a PyTorch model, the exported program (.pt2) or weights (.safetensors)
            that `bnfold.load` reads; these are proved in PyTorch, and what only ONNX has a use for is refused. None
            returns the model only.
        shapes: input shapes by name, batch first, such as `{"x": (1, 3, 224, 224)}`; needed for a module where nothing
            else tells them.
        more_shapes: further shapes to prove with, such as other batch sizes.
        data: an .npz with samples (n, ...) under the input's name (or `input`), cast to its type, and, optionally,
            integer `labels` (n,); or a folder of images.
        preprocess: how the images of a folder become numbers: a `bnfold.verification.Preprocess`.
        freeze_inputs: make constants of inputs that have a default value, so that they can be folded.
        merge: make one operator of linear operators that branch and meet, or follow each other, where that costs no
            more multiply-adds and weights, and take redundant layout operators out.
        objective: `latency` never adds work; `eliminate` removes every affine operator that has an exact form
            without it, for targets that have no batch normalization, and reports the price.
        images: what raw images the folded model shall take; None keeps its inputs as they are.
        opset: version of the operator set that the folded model shall have; None keeps it.
        precision: "fp16" converts the folded model to float16, what that cannot hold excepted.
        simplify: run onnxsim on the folded model, and prove the result as well.
        external_data: write the weights to a file of their own, which happens anyway where they do not fit one file.
        arch: architecture of a state dict: one of bnfold.zoo, `torchvision:NAME`, `timm:NAME` or
            `package.module:callable`; None recognizes the ResNet family.
        trust: run whatever code a PyTorch file asks for.
        verify: prove that the model computes the same; nothing is written when it does not. A removal that a failed
            proof points at is withdrawn and the rest solved again, a stated number of times.
        settings: tolerances of the proof and limits of its child processes: a `bnfold.verification.Settings`.
        bench: measure latency on ONNX Runtime before and after.
        bench_seconds: how long to measure, in seconds.
        certificate: where to write the claims of the proof for every input, which `verify_certificate` checks again.
        dry_run: do everything except writing `output`.
        force: replace `output` if it exists.
        keep_model: return the folded model; False saves its memory where only the file matters.
        details: let the report hold what its page shows besides: both graphs, and the weights of every layer.
        progress: called with the name of each step and, where it is known, the share that is done, 0 to 1.

    Returns:
        The folded model, the plan and the report; the numbers are in the report, and their units with its attributes.

    Raises:
        NotEquivalentError: the proof failed; its `report` attribute holds the numbers.
        UsageError: the output exists or cannot be written, a shape does not fit, or options exclude each other.
        SourceError: the source is missing, damaged or not supported.
        MissingExtraError: PyTorch is needed and not installed.

    All of them are in `bnfold.errors`.

    Examples:
        >>> result = bnfold.fold("model.onnx", output="folded.onnx", force=True)
        >>> result.report.verification.verdict, result.report.proof.sentence
        ('equivalent', 'proved for every input')
        >>> [node.op_type for node in result.model.graph]
        ['Conv', 'Relu', 'Conv']
    """
    how = How(freeze_inputs, merge, objective_of(objective), opset)
    tell = progress or silent
    if precision not in (None, "fp16"):
        raise UsageError(f"precision={precision!r} is unknown; it is 'fp16', or None to keep the types.")
    if opset is not None:
        from bnfold.outgoing.opset import check_version

        check_version(opset)
    if simplify and precision is not None:
        raise UsageError("--simplify and --precision exclude each other: onnxsim rounds what float16 needs unrounded.")
    if certificate is not None and (
        simplify or precision is not None or opset is not None or images is not None or output is None
    ):
        raise UsageError(
            "A certificate is about the source and the folded file as they are: it needs an output, and no other "
            "operator set, precision, simplification or raw images."
        )
    if example_inputs is not None:
        from bnfold.fx.door import fold_in_torch, shapes_of

        if output is None:
            return fold_in_torch(source, example_inputs, merge=merge, objective=how.objective)
        shapes = shapes_of(source, example_inputs)
    if isinstance(source, str | Path):
        sources.check_exists(Path(source))
    target = None if output is None else Path(output)
    if target is not None:
        if not target.is_dir():
            check_suffix(target, source)
        check_side_files({"certificate": certificate}, source, data, target, data_of(target))
    if target is not None and target.suffix.lower() in PYTORCH:
        from bnfold.verification import Settings

        refuse(
            f"A {target.suffix} output is folded and proved in PyTorch, where",
            {
                "another --input shape": bool(more_shapes),
                "--data": data is not None,
                "--mean, --std and --size": preprocess is not None,
                "--freeze-inputs": freeze_inputs,
                "--normalize, --input-layout and --input-dtype": images is not None,
                "--opset": opset is not None,
                "--precision": precision is not None,
                "--simplify": simplify,
                "--external-data": external_data,
                "--no-verify": not verify,
                "tolerances, limits, --thorough and --plot": settings is not None and settings != Settings(),
                "--certificate": certificate is not None,
                "--bench and --seconds": bench or bench_seconds != BENCH_SECONDS,
            },
            instead=", or write .onnx",
        )
        with needing_torch(f"Writing {target.suffix} files"):
            from bnfold.outgoing.pytorch import fold_to_pytorch

        tell("folding in PyTorch")
        reading = Reading(arch, trust)
        return fold_to_pytorch(
            source, target, shapes, reading, merge=merge, objective=how.objective, force=force, dry_run=dry_run
        )
    if not verify:
        from bnfold.verification import Settings

        refuse(
            "Without a verification",
            {
                "another --input shape": bool(more_shapes) and not simplify and precision is None,
                "--data": data is not None,
                "--mean, --std and --size": preprocess is not None,
                "tolerances, limits and --thorough": settings is not None and settings != Settings(),
            },
        )
    refuse("Without data", {"preprocess": preprocess is not None and data is None})
    if target is not None and not dry_run:
        save.check_output(target, force=force)
    tell("reading the model")
    with (
        sources.opened(source, shapes, Reading(arch, trust)) as given,
        taking(given, images) as opened,
        at_fault(opened.path),
        save.workplace(target, dry_run=dry_run) as staged,
    ):
        sources.check_shapes(given)
        fed = verify or bench or simplify or precision is not None
        inputs = proving.inputs_of(opened, more_shapes, data, preprocess) if fed else proving.Inputs([], None)

        def store(model: ir.Model) -> None:
            save.write(model, staged, external=external_data)

        def attempt(withdrawn: Withdrawn) -> Folded:
            tell("solving")
            return fold_file(opened.path, how, store, withdrawn)

        def prove(folded: Folded) -> tuple[Verification, Proof | None]:
            if verify:
                return proving.verify(opened.path, folded, staged, inputs, settings, tell)
            if certificate is None:
                return not_run("Verification was switched off."), None
            proof = proving.proved(opened.path, staged, folded.certificate)
            return not_run("Running both models to compare them was switched off."), proof

        folded, verification, proof = until_proven(attempt, prove)
        if verify and given.witness is not None:
            verification = proving.with_witness(verification, given, given.witness)
        if verify and images is not None:
            verification = proving.with_images(verification, given.path, opened.path, images, inputs.batches[0])
        report = report_of(opened, folded, how, verification, details=staged if details else None)
        report = replace(report, proof=proof)
        if verification.verdict == "different":
            raise FoldDiffersError(report)
        if simplify:
            tell("simplifying")
            report = stages.simplified(report, opened.path, staged, inputs.batches, external_data)
        if precision is not None:
            tell("converting to float16")
            sure = [batch for batch in inputs.batches if not batch.optional]
            report = stages.in_half(report, opened.path, folded.model, staged, sure, external_data)
        if bench:
            tell("measuring latency")
            result, left = bench_fold(opened.path, staged, inputs.batches, bench_seconds)
            report = replace(report, benchmark=result, left_by_onnxruntime=left)
        model = None
        if keep_model:
            model = in_memory(folded.model if precision is None and not simplify else load(staged))
        if certificate is not None and target is not None and not dry_run:
            given_file = Path(source) if isinstance(source, str | Path) else opened.path
            write_certificate(folded.certificate, Path(certificate), given_file, staged)
        if target is not None and not dry_run:
            save.publish(staged, target)
            report = replace(report, output=str(target))
        return FoldResult(model, folded.plan, report)
