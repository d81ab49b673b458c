"""Files beside a model: one that cannot be written, or would replace another, is refused before any work."""

import os
from pathlib import Path

import pytest

from bnfold.errors import UsageError
from bnfold.side_files import check_side_files, data_of


def test_files_of_their_own_pass(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    files = {"--json": str(tmp_path / "old.json"), "--plot": tmp_path / "new.svg", "--report": None}
    check_side_files(files, tmp_path / "model.onnx", None, object())


def test_stdout_is_no_file() -> None:
    check_side_files({"--json": "-", "--csv": "-"}, "-")


@pytest.mark.parametrize("spelled", ["{0}/a.json", "{0}/./a.json", "{0}/sub/../a.json", "{0}/link.json"])
def test_one_file_cannot_be_two(tmp_path: Path, spelled: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "a.json")
    second = spelled.format(tmp_path)
    with pytest.raises(UsageError, match=r"--report and --json both name .*json; give each a file of its own"):
        check_side_files({"--json": str(tmp_path / "a.json"), "--report": second})
    with pytest.raises(UsageError, match=r"--report names .*json, which is read or written already; give another"):
        check_side_files({"--report": second}, "elsewhere", tmp_path / "a.json")


def test_the_weights_beside_a_model_are_its_own(tmp_path: Path) -> None:
    assert data_of(tmp_path / "model.onnx") == tmp_path / "model.onnx.data"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--json .* is a folder; give a file name"):
        check_side_files({"--json": tmp_path})


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The folder .*/none of --csv .*/none/a.csv does not exist; create it first"):
        check_side_files({"--csv": tmp_path / "none" / "a.csv"})


def test_what_must_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != kept)
    with pytest.raises(UsageError, match=r"--json .*kept.json is not writable"):
        check_side_files({"--json": kept})
    check_side_files({"--json": tmp_path / "other.json"})
