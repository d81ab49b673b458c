"""The main job: read, solve, apply, prove, write, measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import onnx_ir as ir

from bnfold import save, sources
from bnfold.errors import SourceError, UsageError
from bnfold.graph.apply import apply_plan
from bnfold.graph.bodies import name_apart
from bnfold.graph.facts import Facts, read_facts
from bnfold.graph.merge import apply_merges
from bnfold.graph.prepare import prepare
from bnfold.graph.tensors import unrounded
from bnfold.in_range import merge_in_range, solve_in_range
from bnfold.merge.plan import Code, MergePlan
from bnfold.merge.stage import kept_apart, with_merges
from bnfold.plan import Objective, Plan
from bnfold.price import price_of
from bnfold.progress import Progress, prefixed, silent
from bnfold.proof.certificate import Certificate
from bnfold.proof.certificate import write as write_certificate
from bnfold.proof.issue import issue
from bnfold.report.data import Counts, FoldDiffersError, FoldReport, FoldResult
from bnfold.sources import Reading, Source
from bnfold.sources.onnx import at_fault, defaulted_inputs, load
from bnfold.sources.raw_images import RawImages, check_against_unchanged, taking
from bnfold.verification.verdict import Verification, not_run
from bnfold.withdraw import Withdrawn, until_proven

if TYPE_CHECKING:
    from bnfold.latency.bench import BenchResult
    from bnfold.proof.checker import Proof
    from bnfold.verification import Batch, Data, Preprocess, Settings
    from bnfold.verification.witnessed import Witness

Shapes = Mapping[str, tuple[int, ...]]

WITNESSED = 2
"""Batches on which a PyTorch module is compared with the ONNX model made of it."""


@dataclass(frozen=True)
class _Planned:
    """A model before and after, the constants of the latter not yet computed."""

    facts: Facts
    plan: Plan
    objective: Objective
    folded: ir.Model
    inlined: int
    certificate: Certificate


@dataclass(frozen=True)
class _Inputs:
    batches: Sequence[Batch]
    samples: Data | None


def inspect(
    source: Any,
    *,
    shapes: Shapes | None = None,
    freeze_inputs: bool = False,
    merge: bool = True,
    objective: Objective | str = Objective.LATENCY,
    images: RawImages | None = None,
    arch: str | None = None,
    trust: bool = False,
) -> FoldReport:
    """Say what `fold` would do, without writing or running anything.

    Args:
        source: a path to an .onnx file or PyTorch checkpoint, an ONNX model, or an `nn.Module`.
        shapes: input shapes by name, where the source does not tell them.
        freeze_inputs: take inputs that have a default value for constants.
        merge: make one operator of linear operators that branch and meet, or follow each other.
        objective, images, arch, trust: as for `fold`.

    Raises:
        SourceError, UsageError, MissingExtraError: as `fold`.
    """
    goal = _objective(objective)
    with (
        sources.opened(source, shapes, Reading(arch, trust)) as given,
        taking(given, images) as opened,
        at_fault(opened.path),
    ):
        planned = _plan(opened.path, freeze_inputs, merge, goal, _compute)
        return _report(opened, None, planned, not_run("Nothing was written, so nothing was verified."))


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
    bench_seconds: float = 10.0,
    certificate: str | Path | None = None,
    dry_run: bool = False,
    force: bool = False,
    keep_model: bool = True,
    progress: Progress | None = None,
) -> FoldResult:
    """Fold every batch normalization and per-channel affine operator that exact algebra allows.

    Args:
        source: a path to an .onnx file or PyTorch checkpoint, an ONNX model, or an `nn.Module`.
        example_inputs: a tensor, or a tuple of tensors, that an `nn.Module` takes, batch first. With it and without
            `output` the result is an `nn.Module`; of the other arguments only `merge` and `objective` then matter.
        output: the ONNX file to write, or, of a PyTorch model, the exported program (.pt2), which is proved in PyTorch
            and takes of the arguments below only shapes, arch, trust, dry_run and force; None returns the model only.
        shapes: input shapes by name, batch first; needed for a module where nothing else tells them.
        more_shapes: further shapes to prove with, such as other batch sizes.
        data: an .npz with samples under the input's name (or `input`) and, optionally, integer `labels`; or a folder
            of images.
        preprocess: how images become numbers.
        freeze_inputs: make constants of inputs that have a default value, so that they can be folded.
        merge: make one operator of linear operators that branch and meet, or follow each other, where that costs no
            more multiply-adds and weights.
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
        settings: tolerances of the proof and limits of its child processes.
        bench: measure latency on ONNX Runtime before and after.
        bench_seconds: how long to measure.
        certificate: where to write the claims of the proof for every input, which `verify_certificate` checks again.
        dry_run: do everything except writing `output`.
        force: replace `output` if it exists.
        keep_model: return the folded model; False saves its memory where only the file matters.
        progress: called with the name of each step and, where it is known, the share that is done.

    Raises:
        NotEquivalentError: the proof failed; its `report` attribute holds the numbers.
        UsageError: the output exists or cannot be written, a shape does not fit, or options exclude each other.
        SourceError: the source is missing, damaged or not supported.
        MissingExtraError: PyTorch is needed and not installed.
    """
    goal = _objective(objective)
    tell = progress or silent
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
            return fold_in_torch(source, example_inputs, merge=merge, objective=goal)
        shapes = shapes_of(source, example_inputs)
    target = None if output is None else Path(output)
    if target is not None and target.suffix.lower() == ".pt2":
        from bnfold.outgoing.program import fold_to_program

        tell("folding in PyTorch")
        return fold_to_program(source, target, shapes, Reading(arch, trust), force=force, dry_run=dry_run)
    if target is not None and not dry_run:
        save.check_output(target, force=force)
    tell("reading the model")
    with (
        sources.opened(source, shapes, Reading(arch, trust)) as given,
        taking(given, images) as opened,
        at_fault(opened.path),
        _workplace(target, dry_run) as staged,
    ):
        fed = verify or bench or simplify or precision is not None
        inputs = _inputs(opened, more_shapes, data, preprocess) if fed else _Inputs([], None)

        def attempt(withdrawn: Withdrawn) -> _Planned:
            tell("solving")
            return _plan(
                opened.path,
                freeze_inputs,
                merge,
                goal,
                lambda model: save.write(model, staged, external=external_data),
                opset,
                withdrawn,
            )

        def prove(planned: _Planned) -> Verification:
            if not verify:
                return not_run("Verification was switched off.")
            return _verify(opened.path, planned, staged, inputs, settings, tell)

        planned, verification = until_proven(attempt, prove)
        if verify and given.witness is not None:
            verification = _with_witness(verification, given, given.witness)
        if verify and images is not None:
            verification = _with_images(verification, given.path, opened.path, images, inputs.batches[0])
        report = _report(opened, target, planned, verification)
        if verify or certificate is not None:
            tell("checking every operator's equation")
            report = replace(report, proof=_proved(opened.path, staged, planned.certificate))
        if verification.verdict == "different":
            raise FoldDiffersError(report)
        if simplify:
            tell("simplifying")
            report = _simplify(report, opened.path, staged, inputs.batches, external_data)
        if precision is not None:
            tell("converting to float16")
            sure = [batch for batch in inputs.batches if not batch.optional]
            report = _in_half(report, opened.path, planned.folded, staged, sure, external_data)
        if bench:
            tell("measuring latency")
            result, left = _bench(opened.path, staged, inputs.batches, bench_seconds)
            report = replace(report, benchmark=result, left_by_onnxruntime=left)
        if certificate is not None and target is not None and not dry_run:
            given_file = Path(source) if isinstance(source, str | Path) else opened.path
            write_certificate(planned.certificate, Path(certificate), given_file, staged)
        if target is not None and not dry_run:
            save.publish(staged, target)
        return FoldResult(_in_memory(planned.folded) if keep_model else None, planned.plan, report)


def _objective(given: Objective | str) -> Objective:
    try:
        return Objective(given)
    except ValueError:
        known = " or ".join(f"'{objective}'" for objective in Objective)
        raise UsageError(f"objective={given!r} is unknown; it is {known}.") from None


def _workplace(target: Path | None, dry_run: bool) -> AbstractContextManager[Path]:
    """Where the folded file is built: beside the output if there will be one, in a temporary folder otherwise."""
    return _temporary() if target is None or dry_run else save.staging(target)


@contextmanager
def _temporary() -> Iterator[Path]:
    with TemporaryDirectory(prefix="bnfold-") as folder:
        yield Path(folder, "folded.onnx")


def _plan(
    path: Path,
    freeze_inputs: bool,
    merge: bool,
    objective: Objective,
    store: Callable[[ir.Model], None],
    opset: int | None = None,
    withdrawn: Withdrawn | None = None,
) -> _Planned:
    """Solve, apply, merge and store, withdrawing what leaves the range of a stored type until nothing does."""
    prepared = load(path, freeze_inputs=freeze_inputs)
    inlined = prepare(prepared)
    facts = read_facts(prepared)

    def attempt(plan: Plan) -> tuple[ir.Model, Mapping[str, str], MergePlan]:
        folded, sites = _copy(prepared, facts)
        stored = apply_plan(folded, sites, plan)
        if opset is not None:
            folded = _in_opset(folded, opset)
        if merge:
            merging, folded = _merged(folded, kept_apart(plan, withdrawn or {}), store)
            return folded, stored, merging
        store(folded)
        return folded, stored, plan.merging

    plan, (folded, stored, merging) = solve_in_range(facts.network, attempt, withdrawn, objective)
    frozen = defaulted_inputs(load(path)) if freeze_inputs else ()
    written = {value.name for node in folded.graph.all_nodes() for value in node.outputs}
    written |= {value.name for value in folded.graph.inputs}
    left = {name: holder for name, holder in stored.items() if holder in written}
    certificate = issue(facts.network, plan, left, frozen)
    return _Planned(facts, with_merges(plan, merging), objective, folded, inlined, certificate)


def _merged(
    folded: ir.Model, apart: Mapping[str, Code], store: Callable[[ir.Model], None]
) -> tuple[MergePlan, ir.Model]:
    """Merge linear regions of a model whose removals are carried out, and store it."""
    facts = read_facts(folded)

    def attempt(plan: MergePlan) -> ir.Model:
        merged, sites = _copy(folded, facts)
        apply_merges(merged, sites, plan)
        store(merged)
        return merged

    return merge_in_range(facts.network, apart, attempt)


def _compute(model: ir.Model) -> None:
    """Compute every new constant once, to see whether it can be stored."""
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.LazyTensor):
            value.const_value.numpy()


def _copy(model: ir.Model, facts: Facts) -> tuple[ir.Model, Facts]:
    """An independent copy of a model, and the same facts about it."""
    copy = model.clone()
    twins = dict(zip(model.graph.all_nodes(), copy.graph.all_nodes(), strict=True))
    for name, value in model.graph.initializers.items():
        copy.graph.initializers[name].meta.update(value.meta)
    nodes = {name: tuple(twins[node] for node in sites) for name, sites in facts.nodes.items()}
    return copy, Facts(facts.network, nodes)


def _inputs(
    source: Source, more_shapes: Sequence[Shapes], data: str | Path | None, preprocess: Preprocess | None
) -> _Inputs:
    from bnfold.verification import load_data, make_batches, specs_of

    specs = specs_of(load(source.path))
    samples = None if data is None else load_data(Path(data), specs, preprocess)
    return _Inputs(make_batches(specs, shapes=[source.shapes, *more_shapes]), samples)


def _verify(
    original: Path, planned: _Planned, folded: Path, inputs: _Inputs, settings: Settings | None, tell: Progress
) -> Verification:
    from bnfold.verification import Settings, verify_fold

    return verify_fold(
        load(original),
        unrounded(planned.folded),
        original,
        folded,
        inputs.batches,
        inputs.samples,
        units=planned.plan.units,
        settings=replace(settings or Settings(), progress=prefixed(tell, "verifying: ")),
    )


def _with_witness(verification: Verification, given: Source, witness: Witness) -> Verification:
    from bnfold.verification import make_batches, specs_of
    from bnfold.verification.witnessed import with_witness

    batches = make_batches(specs_of(load(given.path)), shapes=[given.shapes])[:WITNESSED]
    return with_witness(verification, given.path, witness, batches)


def _proved(original: Path, folded: Path, certificate: Certificate) -> Proof:
    """The proof for every input; a model that the checker cannot read is not proved."""
    from bnfold.proof.checker import Proof, Unproved, check_files
    from bnfold.proof.equations import Measured

    try:
        return check_files(original, folded, certificate)
    except SourceError as error:
        return Proof((Unproved("the model", "", str(error)),), 0, Measured())


def _in_opset(model: ir.Model, opset: int) -> ir.Model:
    from bnfold.outgoing.opset import convert_opset

    return convert_opset(model, opset)


def _simplify(report: FoldReport, original: Path, staged: Path, batches: Sequence[Batch], external: bool) -> FoldReport:
    """Simplify the staged file and judge it against the original."""
    from bnfold.outgoing.simplify import simplify
    from bnfold.verification.verify import verify_files

    simplify(staged, external=external)
    report = replace(report, simplified=verify_files(original, staged, batches))
    if report.simplified is not None and report.simplified.verdict == "different":
        raise FoldDiffersError(report)
    return report


def _in_half(
    report: FoldReport, original: Path, folded: ir.Model, staged: Path, batches: Sequence[Batch], external: bool
) -> FoldReport:
    """Replace the staged file by the model in float16 and judge it."""
    from bnfold.outgoing.half_verdict import convert_to_half

    report = replace(report, half=convert_to_half(original, folded, batches, staged, external=external))
    if report.half is not None and not report.half.holds:
        raise FoldDiffersError(report)
    return report


def _with_images(verification: Verification, given: Path, raw: Path, images: RawImages, batch: Batch) -> Verification:
    """The verification, and what the original says when it is fed with the normalized, transposed images."""
    from bnfold.verification.reference import Float64Error

    try:
        found = check_against_unchanged(given, raw, images, batch.feeds)
    except Float64Error as error:
        sentence = f"The normalization could not be checked against the original in float64: {error}"
    else:
        sentence = f"Fed with the normalized images, the original gives the same in float64, within {found:.0e}."
    return replace(verification, sentences=(*verification.sentences, sentence))


def _bench(original: Path, folded: Path, batches: Sequence[Batch], seconds: float) -> tuple[BenchResult, int]:
    from bnfold.latency.bench import bench
    from bnfold.latency.ort_folds import left_by_onnxruntime

    names = ("original", "folded")
    result = bench([original, folded], batches[0].feeds, seconds=seconds, names=names)
    return result, left_by_onnxruntime(original, _affine_left)


def _affine_left(model: ir.Model) -> int:
    name_apart(model)
    return sum(read_facts(model).affine_counts())


def _report(source: Source, output: Path | None, planned: _Planned, verification: Verification) -> FoldReport:
    written = read_facts(planned.folded)
    before, after = planned.facts.affine_counts(), written.affine_counts()
    removed = [decision for decision in planned.plan.decisions if decision.removed]
    return FoldReport(
        source=source.name,
        description=source.description
        + (f", calls of local functions inlined: {planned.inlined}" if planned.inlined else ""),
        output=None if output is None else str(output),
        affine=Counts(before[0], sum(not decision.scalar for decision in removed), after[0]),
        scalar=Counts(before[1], sum(decision.scalar for decision in removed), after[1]),
        decisions=planned.plan.decisions,
        merging=planned.plan.merging,
        objective=planned.objective,
        price=price_of(planned.facts.network, written.network),
        verification=verification,
    )


def _in_memory(model: ir.Model) -> ir.Model:
    """The model with all weights read and computed, for they may lie in a file that is about to go."""
    for value in model.graph.initializers.values():
        if isinstance(value.const_value, ir.ExternalTensor | ir.LazyTensor):
            value.const_value = ir.tensor(value.const_value.numpy().copy(), name=value.name)
    return model
