"""Reports as files: a page, markdown for a pull request, or data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bnfold.errors import MissingExtraError, SourceError, UsageError
from bnfold.report.data import SCHEMA_VERSION

ENDINGS = (".html", ".md", ".json")


def check(path: Path) -> None:
    """Raise before any work is done if the report cannot be written.

    Raises:
        UsageError: the ending names no kind of report, or there is no such folder.
        MissingExtraError: a page needs packages that are not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"The report {path} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    if not path.parent.is_dir():
        raise UsageError(f"The folder {path.parent} for the report does not exist; create it first.")
    if path.suffix.lower() == ".html":
        try:
            import grandalf
            import jinja2
            import matplotlib
        except ImportError:
            raise MissingExtraError("A report as a page", "report") from None
        del grandalf, jinja2, matplotlib


def write(data: Mapping[str, Any], path: Path) -> None:
    """Write a report; the ending of `path` decides its form.

    Args:
        data: as `FoldReport.to_json` returns it.
        path: that `check` agreed to.

    Raises:
        UsageError: the file cannot be written.
    """
    put(rendered(data, path.suffix.lower()), path)


def put(text: str, path: Path) -> None:
    """Write the text of a report.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The report cannot be written to {path}: {error.strerror}.") from None


def rendered(data: Mapping[str, Any], ending: str) -> str:
    """The text of a report, from nothing but its data."""
    if ending == ".json":
        return as_json(data)
    if ending == ".md":
        from bnfold.report.markdown import render

        return render(data)
    from bnfold.report.page import render as render_page

    return render_page(data)


def as_json(data: Mapping[str, Any]) -> str:
    """JSON with one line per key, for channels of weights are many numbers."""
    lines = (f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in data.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read(path: Path) -> Mapping[str, Any]:
    """The data of a report that `fold` wrote with --report or --json, or beside one of many models.

    Raises:
        SourceError: there is no such file, or it is no such report.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SourceError(f"{path} is not JSON; give a report that `bnfold fold --report` wrote.") from None
    if isinstance(data, dict) and isinstance(data.get("report"), dict):
        data = data["report"]
    if not isinstance(data, dict) or not {"schema_version", "decisions", "verification"} <= data.keys():
        raise SourceError(f"{path} is not a report of `bnfold fold`.")
    if data["schema_version"] != SCHEMA_VERSION:
        raise SourceError(
            f"{path} has version {data['schema_version']} of the report; this bnfold reads version {SCHEMA_VERSION}."
        )
    return data
