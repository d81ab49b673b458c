"""`bnfold fold` on several models."""

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.test_many import zoo as zoo


def test_the_command(run: Run, zoo: Path, tmp_path: Path) -> None:
    done = run("fold", "zoo", "-o", "out", "--no-verify", "--jobs", 2, "--json", "all.json")
    assert done.returncode == 3
    assert "2 of 3 models written" in done.stdout
    assert "Traceback" not in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.json",
        "a.onnx",
        "b.json",
        "b.onnx",
        "bad.json",
    ]
    together = json.loads((tmp_path / "all.json").read_text())
    assert [model["exit_code"] for model in together["models"]] == [0, 3, 0]
    dry = run("fold", "zoo", "-o", "dry", "--no-verify", "--jobs", 1, "--dry-run")
    assert "Dry run: 2 of 3 models can be written, and nothing was." in dry.stdout
    assert not (tmp_path / "dry").exists()
