"""Reports beside what the terminal shows: the file of `--report`, and the summary of a GitHub job."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnfold.report.data import FoldReport

JOB_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub names the file that it shows as markdown on the page of a job."""


class Reports:
    """What a fold shall write besides its model.

    Args:
        source: the model as the user named it.
        target: of `--report`; None if there is none.

    Raises:
        UsageError, MissingExtraError: the report could not be written.
    """

    def __init__(self, source: Path, target: Path | None) -> None:
        from bnfold.report import file

        self._source, self._target, self._start = source, target, time.monotonic()
        if target is not None:
            file.check(target)

    def write(self, report: FoldReport) -> None:
        """Write all of them.

        Raises:
            UsageError: a file cannot be written.
        """
        summary = os.environ.get(JOB_SUMMARY)
        if self._target is None and not summary:
            return
        from bnfold.report import file
        from bnfold.report.run import run_of

        command = shlex.join(["bnfold", *sys.argv[1:]])
        run = run_of(command, self._source, time.monotonic() - self._start)
        data = replace(report, run=run).to_json()
        if self._target is not None:
            file.write(data, self._target)
        if summary:
            _append(file.rendered(data, ".md"), Path(summary))


def _append(text: str, path: Path) -> None:
    """A job's summary is beside the point of the job: where it cannot be written, that is only said."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(f"bnfold: the job summary cannot be written to {path}: {error.strerror}.", file=sys.stderr)
