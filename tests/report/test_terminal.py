"""The whole of a fold on a terminal: what was done, what it is worth, and whether a file was written."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bnfold.latency.environment import environment
from bnfold.latency.results import BenchResult, Measured
from bnfold.latency.setting import Setting
from bnfold.latency.statistics import summarize
from bnfold.merge.plan import Cost, Merge, MergePlan
from bnfold.merge.window import Window
from bnfold.objective import Objective
from bnfold.outgoing.half import Stays
from bnfold.outgoing.half_verdict import HalfOutput, HalfReport
from bnfold.plan import Decision
from bnfold.price import Price
from bnfold.proof.result import Measured as Distances
from bnfold.proof.result import Proof, Unproved
from bnfold.report import terminal
from bnfold.report.data import Counts, FoldReport
from bnfold.verification.verdict import Verification, not_run

REPORT = FoldReport(
    source="net.onnx",
    description="ONNX model",
    output="out.onnx",
    affine=Counts(3, 2, 1),
    scalar=Counts(1, 0, 1),
    decisions=(Decision("bn1", "BatchNormalization", scalar=False, into=("conv1",)),),
    objective=Objective.LATENCY,
    price=Price({}, {}, 0, 1000, 900),
    verification=Verification("equivalent", sentences=("The original's proof.",)),
)


def shown(report: FoldReport, **how: Any) -> list[str]:
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        for part in terminal.fold_report(report, **how):
            console.print(part)
    return captured.get().splitlines()


def line(report: FoldReport, start: str) -> str:
    (found,) = (each.strip() for each in shown(report) if each.strip().startswith(start))
    return found


def test_what_was_written_and_what_was_not() -> None:
    assert shown(REPORT)[-1] == "Wrote out.onnx."
    assert shown(REPORT, dry_run=True)[-1] == "Dry run: nothing was written."
    assert shown(replace(REPORT, verification=Verification("different")))[-1] == "Nothing was written."


def test_a_simplified_file_has_a_proof_of_its_own() -> None:
    text = shown(replace(REPORT, simplified=Verification("different", sentences=("What onnxsim did.",))))
    verdicts = [each for each in text if each.startswith("Proof")]
    assert verdicts == [
        "Proof before the simplification: equivalent",
        "Proof of the file that onnxsim made, against the original: different",
    ]
    told = [each.strip() for each in text]
    assert told.index("The original's proof.") < told.index(verdicts[1]) < told.index("What onnxsim did.")
    assert text[-1] == "Nothing was written."


PROVED, OPEN = Proof((), 3, Distances()), Proof((Unproved("conv1", "a", "its weights differ"),), 3, Distances())


@pytest.mark.parametrize(
    ("report", "head"),
    [
        (replace(REPORT, proof=PROVED), "Proof: equivalent, proved for every input"),
        (replace(REPORT, half=HalfReport((), ("x", 1.0), (), 1)), "Proof before the conversion to float16: equivalent"),
        (
            replace(REPORT, proof=PROVED, half=HalfReport((), ("x", 1.0), (), 1)),
            "Proof before the conversion to float16: equivalent, proved for every input",
        ),
        (replace(REPORT, verification=not_run("Off.")), "Proof: not run"),
        (replace(REPORT, proof=PROVED, verification=not_run("Off.")), "Proof: proved for every input; nothing was run"),
        (
            replace(REPORT, proof=OPEN, verification=not_run("Off.")),
            "Proof: not proved for every input: conv1: its weights differ; nothing was run",
        ),
    ],
)
def test_the_head_of_the_proof_says_what_ran_and_what_it_is_about(report: FoldReport, head: str) -> None:
    assert line(report, "Proof") == head


def test_merged_operators_are_summed_up() -> None:
    window = Window(0, 8, 8, 1, ())
    merges = [
        Merge(tuple("abcde"[:n]), ("Gemm",) * n, "x", "y", f"into{n}", "Gemm", window, True, Cost(9, 9), Cost(4, 4))
        for n in (2, 5)
    ]
    text = " ".join(shown(replace(REPORT, merging=MergePlan(tuple(merges)))))
    assert "1 left; 7 linear operators became 2." in " ".join(text.split())


def test_the_price_says_what_came_and_how_the_work_changed() -> None:
    dearer = replace(REPORT, objective=Objective.ELIMINATE, price=Price({"Conv": 2, "Pad": 1}, {}, 3, 1000, 1250))
    assert line(dearer, "Price") == (
        "Price: 2 Conv, 1 Pad, 3 input channels added; multiply-adds 1,000 before, 1,250 after (+25.0%)."
    )
    nothing = replace(dearer, price=Price({}, {}, 0, 0, 0))
    assert line(nothing, "Price") == "Price: no operator added; multiply-adds 0 before, 0 after."


def in_half(*outputs: HalfOutput, stays: int = 0) -> list[str]:
    reasons = tuple(Stays(f"node{i}", f"t{i} reaches 1e+06") for i in range(stays))
    return shown(replace(REPORT, half=HalfReport(outputs, ("inner", 1234.5), reasons, 20)))


GOOD, BAD = HalfOutput("logits", 7.25, 1.5e-4, 2.5e-4, 5e-4), HalfOutput("boxes", 640.0, 3e-2, 0.0, 1e-3)


def test_every_output_in_float16_stands_beside_what_it_may_be() -> None:
    text = in_half(GOOD, BAD)
    rows = {each.split()[0]: " ".join(each.split()) for each in text if each.startswith(("logits", "boxes"))}
    assert rows == {
        "logits": "logits 1.5e-04 ≤ 5.0e-04 float16 error; of the original in float16 2.5e-04; up to 7.25",
        "boxes": "boxes 3.0e-02 ≤ 1.0e-03 float16 error; of the original in float16 0; up to 640",
    }
    assert "  The largest activation is inner with 1.23e+03; float16 ends at 65504." in text
    assert not any("stay in float32" in each for each in text)


def test_one_bad_output_in_float16_is_enough() -> None:
    good, bad = in_half(GOOD), in_half(GOOD, BAD)
    assert "In float16: holds" in good
    assert good[-1] == "Wrote out.onnx."
    assert "In float16: does not hold" in bad
    assert bad[-1] == "Nothing was written."


@pytest.mark.parametrize("count", [1, 4, 6])
def test_what_stays_in_float32_is_counted_and_the_first_have_a_reason(count: int) -> None:
    text = " ".join(" ".join(in_half(GOOD, stays=count)).split())
    (found,) = re.findall(r"(\d+) of 20 nodes stay in float32: (.*?)\. ", text)
    named = ", ".join(f"node{i} (t{i} reaches 1e+06)" for i in range(min(count, 4)))
    assert found == (str(count), named + (" and 2 more" if count == 6 else ""))


def benchmark() -> BenchResult:
    setting, runs = Setting("cpu", 1, {"x": (1, 3)}, "all"), np.full((3, 2), 1e-3)
    times = summarize(runs)
    one = Measured("original", Path("net.onnx"), setting, times, times, None, 1000, None, runs)
    return BenchResult(environment(), None, 1.0, 0, (one,), (one,), (), ())


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (None, ""),
        (2, "ONNX Runtime folds the same operators itself when it loads the original, so here the gain is load time"),
        (3, "ONNX Runtime by itself would leave 3 affine operators of the original; the folded model has 2."),
    ],
)
def test_onnxruntime_gets_the_credit_for_what_it_folds_itself(left: int | None, told: str) -> None:
    """Two are left here: one by channel and one scalar."""
    measured = replace(REPORT, benchmark=benchmark(), left_by_onnxruntime=left)
    text = " ".join(" ".join(shown(measured)).split())
    assert told in text
    assert ("affine operators of the original" in text, "the gain is load time" in text) == (left == 3, left == 2)
    assert "Latency on ONNX Runtime" in text


def test_without_an_operator_to_fold_there_is_nothing_to_credit() -> None:
    none = replace(REPORT, decisions=(), benchmark=benchmark(), left_by_onnxruntime=0)
    assert "The model has no affine operator, so there is nothing to fold." in shown(none)
    assert not any("folds the same operators" in each for each in shown(none))
