"""The public names: few, documented, and with examples that run as they are written."""

import doctest
import inspect
import re
import sys
from dataclasses import fields
from pathlib import Path

import onnx
import pytest

import bnfold
from bnfold.difference import Changed, Constants, Difference, Vanished
from bnfold.isolation import Limits
from bnfold.latency.results import BenchResult, Compared, Measured
from bnfold.latency.setting import Setting
from bnfold.latency.statistics import Comparison, Ratio, Summary
from bnfold.many import Outcome
from bnfold.merge.plan import Cost, Merge, MergePlan, NearMiss
from bnfold.plan import Decision, Plan, Reason, Unit
from bnfold.price import Price
from bnfold.proof.result import Proof, Unproved
from bnfold.report.data import Counts, FoldReport, FoldResult
from bnfold.sources.raw_images import RawImages
from bnfold.verification import Accuracy, Algebra, Preprocess, Rounding, Settings, Tolerances, Verification
from bnfold.verification.predictions import Change
from bnfold.verification.verdict import Allowed, Bounded, Place, Weights
from tests.cli.conftest import small_net

ONE_SCREEN = 12

TAKEN = (RawImages, Settings, Preprocess, Tolerances, Limits)
FOLDED = (
    FoldResult,
    FoldReport,
    Counts,
    Price,
    Plan,
    Decision,
    Reason,
    Unit,
    MergePlan,
    Merge,
    Cost,
    NearMiss,
    Outcome,
)
JUDGED = (Verification, Algebra, Bounded, Weights, Rounding, Place, Accuracy, Change, Allowed, Proof, Unproved)
MEASURED = (
    BenchResult,
    Measured,
    Compared,
    Comparison,
    Ratio,
    Summary,
    Setting,
    Difference,
    Vanished,
    Changed,
    Constants,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run: `model.onnx`, and `folded.onnx` made of it."""
    folder = tmp_path_factory.mktemp("api")
    onnx.save(small_net(), folder / "model.onnx")
    bnfold.fold(folder / "model.onnx", output=folder / "folded.onnx", verify=False)
    return folder


@pytest.mark.parametrize("name", bnfold.__all__)
def test_examples(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "load":
        pytest.importorskip("torch")
    monkeypatch.chdir(folder)
    documented = getattr(bnfold, name)
    (examples,) = doctest.DocTestFinder(recurse=False).find(documented, name, globs={"bnfold": bnfold})
    assert examples.examples
    assert doctest.DocTestRunner().run(examples, out=sys.stdout.write).failed == 0


@pytest.mark.parametrize("name", [name for name in bnfold.__all__ if name[0].islower()])
def test_every_parameter_and_every_error_is_documented(name: str) -> None:
    function = getattr(bnfold, name)
    words = inspect.getdoc(function) or ""
    arguments, errors = words.split("Args:")[1].split("Raises:")
    described = {part.strip() for line in arguments.splitlines() for part in line.split(":")[0].split(",")}
    assert set(inspect.signature(function).parameters) <= described
    assert "Error: " in errors


def test_they_fit_one_screen() -> None:
    assert len(bnfold.__all__) <= ONE_SCREEN
    assert sorted(bnfold.__all__) == bnfold.__all__


@pytest.mark.parametrize("kind", [*TAKEN, *FOLDED, *JUDGED, *MEASURED], ids=lambda kind: kind.__qualname__)
def test_every_attribute_of_what_goes_in_and_comes_out_is_documented(kind: type) -> None:
    words = set(re.findall(r"\w+", inspect.getdoc(kind) or ""))
    inherited = {field.name for base in kind.__bases__ for field in getattr(base, "__dataclass_fields__", {}).values()}
    assert {field.name for field in fields(kind)} - inherited <= words
    public = [member for name, member in vars(kind).items() if not name.startswith("_")]
    assert all(inspect.getdoc(member) for member in public if callable(member) or isinstance(member, property))


def test_long_jobs_say_how_far_they_are(folder: Path) -> None:
    told: list[tuple[str, float | None]] = []
    models = [folder / "model.onnx", folder / "folded.onnx"]

    def progress(step: str, share: float | None = None) -> None:
        told.append((step, share))

    bnfold.bench(models, levels=["disabled"], seconds=0.2, progress=progress)
    assert told == [("measuring latency", 1.0)]
    told.clear()
    bnfold.verify(*models, progress=progress)
    shares = [share for _, share in told if share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
