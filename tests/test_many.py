"""Many models at once: all that can be folded are, and what cannot says why."""

import json
import threading
from pathlib import Path
from typing import Any

import joblib
import onnx
import pytest
from typer.testing import CliRunner

from bnfold.cli.app import app
from bnfold.errors import UsageError
from bnfold.many import _fold, fold_many, models_in
from bnfold.report.many import summary
from tests.cli.conftest import small_net


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Two good models, one of them in a folder of its own, and two bad ones."""
    folder = tmp_path / "zoo"
    (folder / "inner").mkdir(parents=True)
    onnx.save(small_net(0), folder / "a.onnx")
    onnx.save(small_net(1), folder / "inner" / "b.onnx")
    (folder / "bad.onnx").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("no model")
    return folder


def test_one_bad_file_does_not_stop_the_rest(zoo: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    outcomes = fold_many(
        models_in([zoo, tmp_path / "missing.onnx"]),
        tmp_path / "out",
        jobs=1,
        finished=lambda outcome: seen.append(outcome.source),
        verify=False,
    )
    assert [(Path(o.source).name, o.exit_code) for o in outcomes] == [
        ("a.onnx", 0),
        ("bad.onnx", 3),
        ("b.onnx", 0),
        ("missing.onnx", 3),
    ]
    assert sorted(seen) == sorted(outcome.source for outcome in outcomes)
    for outcome in outcomes:
        stored = json.loads(Path(outcome.output).with_suffix(".json").read_text())
        assert stored == outcome.to_json()
        assert Path(outcome.output).exists() == (outcome.exit_code == 0)
    assert outcomes[0].report is not None
    assert outcomes[0].report["affine"] == {"before": 1, "removed": 1, "after": 0}
    assert "not a valid ONNX model" in (outcomes[1].error or "")
    shown = summary(outcomes)
    assert "2 of 4 models written" in str(shown[-1])
    assert any("missing.onnx does not exist" in str(part) for part in shown)


def test_what_exists_is_kept(zoo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a.onnx", "a.json"):
        (out / name).write_bytes(b"precious")
    outcomes = fold_many([zoo / "a.onnx"], out, jobs=1, verify=False)
    assert [outcome.exit_code for outcome in outcomes] == [2]
    assert [(out / name).read_bytes() for name in ("a.onnx", "a.json")] == [b"precious"] * 2


def test_equal_names_are_told_apart(tmp_path: Path) -> None:
    for name in ("x/net.onnx", "y/net.onnx", "net.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        onnx.save(small_net(), tmp_path / name)
    sources = [Path(name) for name in ("x/net.onnx", "y/net.onnx", "net.onnx", "net.pt")]
    from bnfold.many import _names

    assert len(set(_names(sources))) == 4
    assert _names([Path("a.onnx"), Path("b.pt")]) == ["a.onnx", "b.onnx"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no model"):
        models_in([tmp_path])


def test_an_impossible_folder_is_refused(zoo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be made"):
        fold_many([zoo / "a.onnx"], tmp_path / "no" / "where", jobs=1)


def test_a_folder_is_not_called_like_a_model(zoo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="called like a file; name a folder"):
        fold_many(models_in([zoo]), tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_failure_names_its_model_once(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    outcomes = fold_many([tmp_path / "bad.onnx"], tmp_path / "out", jobs=1)
    sentence = str(summary(outcomes)[1])
    assert sentence.count("bad.onnx") == 1, sentence


def test_joblib_chooses_the_backend(zoo: Path, tmp_path: Path) -> None:
    """Whatever the context says, as with Dask and Ray."""
    threads: set[str] = set()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        fold_many(
            models_in([zoo]),
            tmp_path / "out",
            jobs=2,
            verify=False,
            progress=lambda step: threads.add(threading.current_thread().name),
        )
    assert threads
    assert "MainThread" not in threads


def test_a_file_that_is_no_report_is_not_replaced(zoo: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    mine = tmp_path / "out" / "a.json"
    for text in ("mine", "[1]", '{"source": "a.onnx"}'):
        mine.write_text(text)
        (outcome,) = fold_many([zoo / "a.onnx"], tmp_path / "out", jobs=1, verify=False)
        assert outcome.exit_code == 2
        assert (
            outcome.error
            == f"The report {mine} would replace a file that is none; move that, or --force to replace it."
        )
        assert mine.read_text() == text
        assert not (tmp_path / "out" / "a.onnx").exists()
    (outcome,) = fold_many([zoo / "a.onnx"], tmp_path / "out", jobs=1, verify=False, force=True)
    assert outcome.exit_code == 0
    assert json.loads(mine.read_text())["exit_code"] == 0


def test_a_retry_replaces_the_report_of_what_failed(zoo: Path, tmp_path: Path) -> None:
    (failed,) = fold_many([zoo / "bad.onnx"], tmp_path / "out", jobs=1, verify=False)
    assert failed.exit_code == 3
    onnx.save(small_net(0), zoo / "bad.onnx")
    (outcome,) = fold_many([zoo / "bad.onnx"], tmp_path / "out", jobs=1, verify=False)
    assert outcome.exit_code == 0
    assert json.loads((tmp_path / "out" / "bad.json").read_text())["exit_code"] == 0


def test_one_model_is_no_list_of_models(zoo: Path, tmp_path: Path) -> None:
    for given in (zoo / "a.onnx", str(zoo / "a.onnx")):
        with pytest.raises(UsageError, match=r"takes a list of models, not one: write \['.*a.onnx'\]\."):
            fold_many(given, tmp_path / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_no_job_at_a_time_is_refused(zoo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--jobs 0 folds nothing"):
        fold_many([zoo / "a.onnx"], tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_writes_nothing_at_all(zoo: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    outcomes = fold_many(models_in([zoo]), tmp_path / "out", jobs=1, verify=False, dry_run=True)
    assert sorted(tmp_path.rglob("*")) == before
    assert [outcome.exit_code for outcome in outcomes] == [0, 3, 0]
    assert outcomes[0].report is not None
    assert outcomes[0].report["output"] is None
    assert str(summary(outcomes, dry_run=True)[-1]) == "Dry run: 2 of 3 models can be written, and nothing was."


@pytest.mark.parametrize(
    ("dry", "says"),
    [((), "interrupted; 1 of 3 models are in out."), (("--dry-run",), "interrupted; nothing was written.")],
)
def test_an_interrupt_says_what_is_there(
    zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry: tuple[str, ...], says: str
) -> None:
    """As the last of three comes, one of the others being bad."""

    def stopped(sources: list[Path], folder: Path, *, jobs: int, finished: Any, **options: Any) -> None:
        for source in sources[:2]:
            finished(_fold(source, Path(folder, source.name), options))
        raise KeyboardInterrupt

    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bnfold.many.fold_many", stopped)
    done = CliRunner().invoke(app, ["fold", "zoo", "-o", "out", "--no-verify", *dry])
    assert done.exit_code == 130
    assert done.stderr == f"bnfold: {says}\n"
    assert len(list((tmp_path / "out").glob("*.onnx"))) == (not dry)
