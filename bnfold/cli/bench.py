"""bnfold bench."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnfold.cli.options import Arch, Json, Seconds, Trust
from bnfold.cli.proof_options import Inputs, parse_variants
from bnfold.errors import UsageError
from bnfold.refusal import refuse
from bnfold.side_files import check_side_files

if TYPE_CHECKING:
    from bnfold.latency.profile import Profile
    from bnfold.latency.results import BenchResult
    from bnfold.latency.sessions import Level


LEVELS, THREADS, PROVIDER, SECONDS = "disabled,all", "1", "cpu", 20.0


def bench(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Models to measure; without --against the first is the reference.")
    ] = None,
    against: Annotated[Path | None, typer.Option("--against", help="The reference.")] = None,
    input_: Inputs = None,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="1,8,32", help="Sizes of the first axis of the inputs.")
    ] = None,
    level: Annotated[
        str, typer.Option("--level", metavar="disabled,basic,all", help="ONNX Runtime's graph optimization levels.")
    ] = LEVELS,
    threads: Annotated[
        str, typer.Option("--threads", metavar="1,2", help="Intra-op threads of each session.")
    ] = THREADS,
    provider: Annotated[
        str, typer.Option("--provider", metavar="cpu,cuda", help="ONNX Runtime's execution providers.")
    ] = PROVIDER,
    seconds: Seconds = SECONDS,
    arch: Arch = None,
    trust: Trust = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also show which operators take the time, and the share of the peak.")
    ] = False,
    json_: Json = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every single time, one a line.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the times and the speed-ups (.svg, .png, .pdf).")
    ] = None,
    load: Annotated[
        list[Path] | None,
        typer.Option("--load", help="Show a --json file again; given twice, compare them."),
    ] = None,
) -> None:
    """Measure latency on ONNX Runtime, without and with its own graph optimizations."""
    from bnfold.cli.output import show
    from bnfold.latency import stored
    from bnfold.report import benchmark
    from bnfold.report.plots import style

    everyone = [*([against] if against else []), *(models or [])]
    check_side_files({"--json": json_, "--csv": csv, "--plot": plot}, *everyone, *(load or []))
    if plot is not None:
        style.check(plot)
    profiles: list[Profile] = []
    if load:
        if models or against or profile or len(load) > 2:
            raise UsageError("--load shows one file or compares two; it takes no models and measures nothing.")
        refuse(
            "--load measures nothing, so",
            {
                "--input": bool(input_),
                "--batch": batch is not None,
                "--level": level != LEVELS,
                "--threads": threads != THREADS,
                "--provider": provider != PROVIDER,
                "--seconds": seconds != SECONDS,
                "--arch and --trust": arch is not None or trust,
            },
        )
        results = [stored.load(path) for path in load]
        result = results[-1]
    else:
        reading: dict[str, Any] = {"arch": arch, "trust": trust}
        result, profiles = _measure(
            everyone, input_, batch, level, threads, provider, seconds, reading, profile=profile
        )
        results = [result]
    if csv is not None:
        stored.write_csv(result, csv)
    if plot is not None:
        from bnfold.report.plots.bench import benchmark as picture

        style.save(picture(result), plot)
    data = result.to_json(raw=True)
    if profiles:
        data["profiles"] = [each.to_json() for each in profiles]
    parts = benchmark.whole(result)
    if len(results) == 2:
        parts = benchmark.changes(stored.changes(*results), stored.differences(*results))
    show([*parts, *(benchmark.profiles(profiles) if profiles else [])], data, json_)


def _measure(
    models: list[Path],
    input_: list[str] | None,
    batch: str | None,
    level: str,
    threads: str,
    provider: str,
    seconds: float,
    reading: dict[str, Any],
    *,
    profile: bool,
) -> tuple[BenchResult, list[Profile]]:
    from bnfold import measure
    from bnfold.cli.output import progress

    shapes = parse_variants(input_)
    levels: list[Level] = _listed(level)  # type: ignore[assignment]  # bench refuses others in a sentence
    counts = _numbers("--threads", threads)
    providers = _listed(provider)
    with progress() as tell:
        tell("measuring latency", 0.0)
        result = measure.bench(
            models,
            shapes=shapes,
            batches=_numbers("--batch", batch) if batch else (),
            levels=levels,
            threads=counts,
            providers=providers,
            seconds=seconds,
            **reading,
            progress=tell,
        )
        if not profile:
            return result, []
        tell("profiling", 1.0)
        first: dict[str, Any] = {"level": levels[-1], "threads": counts[0], "provider": providers[0]}
        profiles = measure.profile(models, shapes=shapes[0], **first, **reading)
        return result, profiles


def _listed(entry: str) -> list[str]:
    return [part.strip() for part in entry.split(",")]


def _numbers(option: str, entry: str) -> list[int]:
    try:
        numbers = [int(part) for part in entry.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise UsageError(f"{option} {entry} is not a number from 1 on, or several with commas between.")
    return numbers
