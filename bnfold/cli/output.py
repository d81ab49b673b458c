"""Where reports and progress go: tables or JSON on stdout, progress on stderr and only on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnfold.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bnfold.progress import Progress

WIDTH_IN_LOGS = 100


def show(parts: list[RenderableType], data: dict[str, Any], target: str | None) -> None:
    """Print a report, and write it as JSON where `--json` says; with `-` only the JSON is printed."""
    if target == "-":
        put(json.dumps(data, indent=2, allow_nan=False) + "\n")
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH_IN_LOGS, highlight=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    put(captured.get())
    if target is not None:
        _write(Path(target), data)


def put(text: str) -> None:
    """Print to stdout. A reader that has seen enough and closed the pipe is no error: all else goes on, in silence."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(path: Path, data: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(data, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise UsageError(f"The JSON report cannot be written to {path}: {error.strerror}.") from None


@contextmanager
def progress() -> Iterator[Progress]:
    """A function that shows what is being done and, where it is known, how far; silent where stderr is no terminal."""
    with _bar(None) as bar:

        def tell(step: str, share: float | None = None) -> None:
            known = {} if share is None else {"total": 1.0, "completed": share}
            bar(description=step, **known)

        yield tell


@contextmanager
def counted(total: int) -> Iterator[Callable[[str], None]]:
    """A function that counts one more thing as done, beside a bar that fills; silent where stderr is no terminal."""
    with _bar(total) as bar:
        yield lambda step: bar(description=step, advance=1)


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[..., None]]:
    if not sys.stderr.isatty():
        yield lambda **_: None
        return
    from rich import progress as bars
    from rich.console import Console

    columns = [bars.BarColumn(bar_width=24), bars.TimeElapsedColumn(), bars.TextColumn("{task.description}")]
    if total is not None:
        columns.insert(1, bars.MofNCompleteColumn())
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("starting", total=total)
        yield lambda **changes: shown.update(task, **changes)
