"""bnfold fold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bnfold.cli.options import (
    Arch,
    FreezeInputs,
    Goal,
    InputDtype,
    InputLayout,
    Json,
    Merge,
    Normalize,
    Seconds,
    Trust,
    parse_images,
)
from bnfold.cli.proof_options import (
    TIMEOUT,
    Atol,
    Data,
    Inputs,
    Mean,
    Memory,
    Plot,
    Rtol,
    Size,
    Std,
    Thorough,
    Timeout,
    parse_preprocess,
    parse_settings,
    parse_variants,
)
from bnfold.errors import UsageError
from bnfold.objective import Objective
from bnfold.side_files import check_side_files, data_of

if TYPE_CHECKING:
    from bnfold.many import Outcome


def fold(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="An .onnx file, or a PyTorch .pt/.pth/.pt2/.safetensors file: module, state dict, TorchScript or "
            "exported program. Several, or folders of them, are written to a folder."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The .onnx file to write; of a PyTorch model also a .pt2 program or .safetensors weights. "
            "A folder for several.",
        ),
    ],
    input_: Inputs = None,
    data: Data = None,
    mean: Mean = None,
    std: Std = None,
    size: Size = None,
    json_: Json = None,
    freeze_inputs: FreezeInputs = False,
    merge: Merge = True,
    objective: Goal = Objective.LATENCY,
    normalize: Normalize = None,
    input_layout: InputLayout = None,
    input_dtype: InputDtype = None,
    opset: Annotated[int | None, typer.Option(help="Operator set version of the output.")] = None,
    precision: Annotated[
        Literal["fp16"] | None, typer.Option(help="Convert to float16 after folding; what that cannot hold stays.")
    ] = None,
    simplify: Annotated[bool, typer.Option("--simplify", help="Run onnxsim on the result; prove it again.")] = False,
    external_data: Annotated[
        bool, typer.Option("--external-data", help="Write the weights to a file of their own.")
    ] = False,
    arch: Arch = None,
    trust: Trust = False,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Write the proof for every input, for `verify --certificate`.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan, prove and measure, but write nothing.")] = False,
    verify: Annotated[bool, typer.Option(help="Prove that the model computes the same.")] = True,
    bench: Annotated[
        bool | None, typer.Option(help="Measure latency before and after.", show_default="bench one .onnx, not several")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Models at a time; -1 is one per processor.")] = -1,
    atol: Atol = None,
    rtol: Rtol = None,
    timeout: Timeout = TIMEOUT,
    memory: Memory = None,
    thorough: Thorough = False,
    plot: Plot = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Write a report: .html is a page, .md for a pull request, .json complete data."),
    ] = None,
    seconds: Seconds = 10.0,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the output if it exists.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List every operator.")] = False,
) -> None:
    """Fold every batch normalization and per-channel affine operator that exact algebra allows."""
    shapes, *more = parse_variants(input_)
    onnx = output.suffix.lower() == ".onnx"
    every_tensor = plot is not None or (report is not None and onnx)
    options: dict[str, Any] = {
        "shapes": shapes,
        "more_shapes": more,
        "data": data,
        "preprocess": parse_preprocess(mean, std, size, data),
        "freeze_inputs": freeze_inputs,
        "merge": merge,
        "objective": objective,
        "images": parse_images(normalize, input_layout, input_dtype),
        "opset": opset,
        "precision": precision,
        "simplify": simplify,
        "external_data": external_data,
        "arch": arch,
        "trust": trust,
        "verify": verify,
        "settings": parse_settings(atol, rtol, timeout, memory, thorough=thorough, trace=verify and every_tensor),
        "bench_seconds": seconds,
        "dry_run": dry_run,
        "force": force,
        "keep_model": False,
    }
    if len(sources) > 1 or sources[0].is_dir() or output.is_dir():
        if certificate is not None:
            raise UsageError("--certificate takes one model; fold the models one by one to get a certificate for each.")
        if report is not None:
            raise UsageError("--report takes one model; `bnfold report` renders the JSON beside each of several.")
        if plot is not None:
            raise UsageError("--plot takes one model; fold the models one by one to get a picture of each.")
        check_side_files({"--json": json_}, *sources)
        _many(sources, output, json_, jobs, bench=bool(bench), **options)
    else:
        measured = bench is not False if onnx else bool(bench)
        options |= {"bench": measured, "certificate": certificate, "details": report is not None}
        files = {"--json": json_, "--certificate": certificate, "--plot": plot, "--report": report}
        check_side_files(files, sources[0], data, output, data_of(output))
        _one(sources[0], output, json_, verbose, plot, report, **options)


def _one(
    source: Path,
    output: Path,
    json_: str | None,
    verbose: bool,
    plot: Path | None,
    report_to: Path | None,
    **options: Any,
) -> None:
    from bnfold import pipeline
    from bnfold.cli.output import progress, show
    from bnfold.cli.written_reports import Reports
    from bnfold.report import terminal
    from bnfold.report.data import FoldDiffersError
    from bnfold.report.plots import growth, style

    if plot is not None:
        if not options["verify"]:
            raise UsageError("--plot draws what the proof found; leave out --no-verify.")
        style.check(plot)
    reports = Reports(source, report_to)
    try:
        with progress() as tell:
            report = pipeline.fold(source, output=output, progress=tell, **options).report
    except FoldDiffersError as error:
        if plot is not None and error.report.verification.sites:
            growth.draw(error.report.verification, plot)
        show(terminal.fold_report(error.report, verbose=verbose), error.report.to_json(), json_)
        reports.write(error.report)
        raise
    if plot is not None:
        growth.draw(report.verification, plot)
    show(terminal.fold_report(report, verbose=verbose, dry_run=options["dry_run"]), report.to_json(), json_)
    reports.write(report)


def _many(sources: list[Path], output: Path, json_: str | None, jobs: int, **options: Any) -> None:
    from bnfold.cli.output import counted, show
    from bnfold.many import fold_many, models_in
    from bnfold.report.many import summary

    models = models_in(sources)
    done: list[Outcome] = []
    with counted(len(models)) as step:

        def finished(outcome: Outcome) -> None:
            done.append(outcome)
            step(outcome.source)

        try:
            outcomes = fold_many(models, output, jobs=jobs, finished=finished, **options)
        except KeyboardInterrupt:
            if options["dry_run"]:
                raise
            written = sum(outcome.exit_code == 0 for outcome in done)
            raise KeyboardInterrupt(f"{written} of {len(models)} models are in {output}") from None
    show(summary(outcomes, dry_run=options["dry_run"]), {"models": [outcome.to_json() for outcome in outcomes]}, json_)
    code = max(outcome.exit_code for outcome in outcomes)
    if code:
        raise typer.Exit(code)
