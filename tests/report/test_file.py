"""Reports as files: JSON is the source of the others, and what is no report is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from bnfold.errors import BnfoldError, SourceError, UsageError
from bnfold.report import file


def test_json_comes_back_whole(data: dict[str, Any], tmp_path: Path) -> None:
    file.write(data, tmp_path / "run.json")
    assert file.read(tmp_path / "run.json") == data
    assert len((tmp_path / "run.json").read_text().splitlines()) == len(data) + 2


@pytest.mark.parametrize("ending", [".html", ".md", ".json"])
def test_a_stored_report_renders_as_the_fold_did(data: dict[str, Any], tmp_path: Path, ending: str) -> None:
    file.write(data, tmp_path / f"now{ending}")
    file.write(data, tmp_path / "run.json")
    file.write(file.read(tmp_path / "run.json"), tmp_path / f"later{ending}")
    assert (tmp_path / f"now{ending}").read_bytes() == (tmp_path / f"later{ending}").read_bytes()


def test_the_json_beside_one_of_many_models_is_a_report(data: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"source": "a", "report": data}))
    assert file.read(tmp_path / "a.json") == data


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a report"),
        ('{"verdict": "equivalent"}', "is not a report"),
        ('{"schema_version": 99, "decisions": [], "verification": {}}', "has version 99"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError, match=says):
        file.read(tmp_path / "a.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        file.read(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "says"), [("a.pdf", "must end in .html, .md or .json"), ("no/a.md", "does not exist")]
)
def test_reports_that_cannot_be_written(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        file.check(tmp_path / name)


def test_a_page_without_its_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "grandalf", None)
    with pytest.raises(BnfoldError, match=r"bnfold\[report\]"):
        file.check(tmp_path / "a.html")
    file.check(tmp_path / "a.md")
