"""Fold many models side by side; one that fails does not stop the others."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bnfold.errors import BnfoldError, UsageError
from bnfold.report.data import FoldDiffersError
from bnfold.sources import CHECKPOINTS

SUFFIXES = (".onnx", *CHECKPOINTS)
INTERNAL = 4

Finished = Callable[["Outcome"], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one model.

    Attributes:
        source, output: paths.
        exit_code: as the command would have ended for this model alone.
        error: the sentence that it would have ended with; None if it succeeded.
        report: the fold report as plain data, as docs/json.md describes it; None if there is none.
        seconds: how long it took, in seconds.
    """

    source: str
    output: str
    exit_code: int
    error: str | None
    report: Mapping[str, Any] | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "source": self.source,
            "output": self.output,
            "exit_code": self.exit_code,
            "error": self.error,
            "seconds": round(self.seconds, 3),
            "report": self.report,
        }


def models_in(sources: Iterable[Path]) -> list[Path]:
    """The models among `sources`; a folder stands for all models in it and below.

    Raises:
        UsageError: a folder has none.
    """
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        inside = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        if not inside:
            raise UsageError(f"The folder {source} holds no model; bnfold reads {', '.join(SUFFIXES)} files.")
        found += inside
    return list(dict.fromkeys(found))


def fold_many(
    sources: Sequence[str | Path],
    folder: str | Path,
    *,
    jobs: int = -1,
    finished: Finished | None = None,
    **options: Any,
) -> list[Outcome]:
    """Fold every model into `folder`, with a JSON report beside each; one that fails does not stop the others.

    The work is shared out by joblib, whose backend its own context chooses:
    `with joblib.parallel_config(backend="dask"): fold_many(...)`.

    Args:
        sources: paths of models.
        folder: where the results go, each under its source's name; it is made if it does not exist.
        jobs: how many at a time; -1 is one per processor.
        finished: called with each outcome as it comes.
        options: of `bnfold.fold`, the same for all.

    Returns:
        One outcome per source, in order; an error is the exit code and the sentence of its outcome.

    Raises:
        UsageError: the folder cannot be made, or is called like a model; `jobs` is 0; or `sources` is no list.

    Examples:
        >>> outcomes = bnfold.fold_many(["model.onnx", "missing.onnx"], "many", jobs=1)
        >>> [(each.output, each.exit_code, each.error) for each in outcomes]
        [('many/model.onnx', 0, None), ('many/missing.onnx', 3, 'missing.onnx does not exist.')]
    """
    from joblib import Parallel, delayed

    if isinstance(sources, str | Path):
        raise UsageError(f"`fold_many` takes a list of models, not one: write [{str(sources)!r}].")
    if jobs == 0:
        raise UsageError("--jobs 0 folds nothing; give the number of models at a time, or -1 for one per processor.")
    paths, folder = [Path(source) for source in sources], Path(folder)
    if folder.suffix.lower() in SUFFIXES and not folder.is_dir():
        raise UsageError(f"Several models are written to a folder, and {folder} is called like a file; name a folder.")
    if not options.get("dry_run"):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"The output folder {folder} cannot be made: {error.strerror}.") from None
    targets = [folder / name for name in _names(paths)]
    work = (delayed(_fold)(path, target, options) for path, target in zip(paths, targets, strict=True))
    outcomes: dict[str, Outcome] = {}
    for outcome in Parallel(n_jobs=jobs, return_as="generator_unordered")(work):
        outcomes[outcome.output] = outcome
        if finished is not None:
            finished(outcome)
    return [outcomes[str(target)] for target in targets]


def _names(sources: Sequence[Path]) -> list[str]:
    """The name of each source with .onnx for its suffix; where two would be equal, all that tells them apart."""
    names = [source.stem for source in sources]
    for tail in (1, *range(2, max((len(source.parts) for source in sources), default=1) + 1)):
        common = {name for name, count in Counter(names).items() if count > 1}
        names = [
            "_".join(part for part in source.parts[-tail:] if part not in ("/", "..")) if name in common else name
            for name, source in zip(names, sources, strict=True)
        ]
    return [f"{name.removesuffix('.onnx')}.onnx" for name in names]


def _check_report(path: Path, *, force: bool) -> None:
    """Raise `UsageError` for a file that the report would replace and that is none itself; a retry replaces reports."""
    if force or not path.exists():
        return
    try:
        is_report = {field.name for field in fields(Outcome)} <= json.loads(path.read_text()).keys()
    except (OSError, ValueError, AttributeError):
        is_report = False
    if not is_report:
        raise UsageError(f"The report {path} would replace a file that is none; move that, or --force to replace it.")


def _fold(source: Path, target: Path, options: Mapping[str, Any]) -> Outcome:
    """Runs in a worker: returns whatever happens as data."""
    from bnfold.pipeline import fold

    start = time.monotonic()
    report: Mapping[str, Any] | None = None
    code, sentence = 0, None
    try:
        _check_report(target.with_suffix(".json"), force=bool(options.get("force")))
        report = fold(source, output=target, **{**options, "keep_model": False}).report.to_json()
    except FoldDiffersError as error:
        code, sentence, report = error.exit_code, str(error), error.report.to_json()
    except BnfoldError as error:
        code, sentence = error.exit_code, str(error)
    except Exception as error:
        code, sentence = INTERNAL, f"internal error ({type(error).__name__}): {' '.join(str(error).split())}"
    outcome = Outcome(str(source), str(target), code, sentence, report, time.monotonic() - start)
    if code != UsageError.exit_code and not options.get("dry_run"):
        target.with_suffix(".json").write_text(json.dumps(outcome.to_json(), indent=2, allow_nan=False) + "\n")
    return outcome
