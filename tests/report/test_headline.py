"""The verdict in a sentence: each number in it from the report, whatever became of the fold."""

import re
from typing import Any

import pytest

from bnfold.report.content.headline import badge, headline, verdict
from bnfold.report.content.proof import every_input


def test_its_numbers_are_those_of_the_run(data: dict[str, Any]) -> None:
    data["source"] = "net.onnx"
    data["affine"] |= {"before": 40, "removed": 37}
    data["scalar"] |= {"before": 2, "removed": 1}
    data["verification"]["rounding"] |= {"original": 1.25e-7, "folded": 3.5e-7}
    (found,) = (c for c in data["benchmark"]["comparisons"] if c["setting"]["level"] == "all")
    found["run"] = {**found["run"], "speedup": {"value": 1.23, "low": 1.11, "high": 1.34}, "verdict": "faster"}
    assert headline(data) == (
        "38 of 42 affine operators of net.onnx are folded away; the folded model computes the same, proved for every "
        "input, and on ONNX Runtime its error is 3.5e-07, the original's 1.2e-07; at ONNX Runtime's default level it "
        "runs faster (1.23×, 95 % interval 1.11 to 1.34)."
    )


@pytest.mark.parametrize(
    ("before", "removed", "says"),
    [
        (0, 0, "In net.onnx there is no affine operator to fold"),
        (1, 1, "The only affine operator of net.onnx is folded away"),
        (3, 0, "None of 3 affine operators of net.onnx can be folded away"),
        (3, 3, "All 3 affine operators of net.onnx are folded away"),
    ],
)
def test_what_was_folded(data: dict[str, Any], before: int, removed: int, says: str) -> None:
    data |= {"source": "net.onnx", "scalar": {"before": 0, "removed": 0, "after": 0}}
    data["affine"] |= {"before": before, "removed": removed}
    assert headline(data).startswith(f"{says};")


def test_a_failed_proof_claims_nothing(data: dict[str, Any]) -> None:
    data["verification"]["verdict"] = "different"
    assert badge(data) == "Not equivalent"
    assert headline(data).endswith("does not compute the same, so nothing was written.")


def test_what_was_not_verified_is_not_claimed(data: dict[str, Any]) -> None:
    data["verification"]["verdict"], data["proof"] = "not_run", None
    assert badge(data) == "Not verified"
    assert "computes the same was not verified" in headline(data)


@pytest.mark.parametrize("key", ["simplified", "half"])
def test_the_worst_verdict_counts(data: dict[str, Any], key: str) -> None:
    data[key] = {"verdict": "different", "holds": False}
    assert verdict(data) == "different"


@pytest.mark.parametrize("key", ["simplified", "half"])
def test_a_judged_file_is_verified_though_the_step_before_it_was_not(data: dict[str, Any], key: str) -> None:
    rounding = {"original": 2e-7, "folded": 3e-7, "by": "ONNX Runtime"}
    judged = {"simplified": {"verdict": "equivalent", "rounding": rounding}, "half": {"holds": True, "outputs": []}}
    data["verification"]["verdict"], data["proof"], data[key] = "not_run", None, judged[key]
    assert badge(data) == "Equivalent"
    assert "the folded model computes the same" in headline(data)


def test_no_proof_no_claim(data: dict[str, Any]) -> None:
    data["proof"] = {"verdict": "not_proved"}
    assert not re.search("proved", headline(data))


@pytest.mark.parametrize(("by", "says"), [("PyTorch", "and in PyTorch its"), ("emulation", "and in emulation its")])
def test_it_says_what_ran_the_models(data: dict[str, Any], by: str, says: str) -> None:
    data["verification"]["rounding"]["by"] = by
    assert says in headline(data)


def test_of_a_file_in_float16_the_fold_is_proved_and_the_file_is_measured(data: dict[str, Any]) -> None:
    outputs = [{"error": error, "original": 2 * error} for error in (1e-5, 2.5e-4, 1e-6)]
    data["half"] = {"holds": True, "outputs": outputs}
    assert (
        "the folded model computes the same, proved for every input before the conversion to float16, and on ONNX "
        "Runtime the float16 file's error is 2.5e-04, the original's in float16 5.0e-04;"
    ) in headline(data)
    assert every_input(data).startswith("Proved for every input before the conversion to float16: ")
    data["half"]["outputs"] = []
    assert "error is" not in headline(data)


def test_of_a_simplified_file_the_fold_is_proved_and_the_file_is_measured(data: dict[str, Any]) -> None:
    rounding = {"original": 2e-7, "folded": 3e-7, "by": "ONNX Runtime"}
    data["simplified"] = {"verdict": "equivalent", "rounding": rounding}
    assert (
        "proved for every input before the simplification, and on ONNX Runtime the simplified file's error is 3.0e-07, "
        "the original's 2.0e-07;"
    ) in headline(data)
    data["proof"] |= {"verdict": "not_proved", "unproved": [{}]}
    assert every_input(data).startswith("Not proved for every input before the simplification: ")


def test_what_was_proved_and_not_run_claims_the_proof_alone(data: dict[str, Any]) -> None:
    data["verification"]["verdict"] = "not_run"
    assert data["proof"]["verdict"] == "proved"
    assert badge(data) == "Proved, not run"
    assert "that it computes the same is proved for every input, and nothing was run" in headline(data)
