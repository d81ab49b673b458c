"""A small sample of the fuzzing that `make fuzz` does at length."""

import json
import random
from pathlib import Path

import pytest

from tests.fuzz.mutate import mutated_bytes
from tests.fuzz.run import SHAPE, samples, warm
from tests.fuzz.trial import Trial, in_fork

COUNT = 32


def test_damaged_files_end_in_a_sentence_or_a_good_model() -> None:
    warm()
    trials = [in_fork(name, data, "--no-verify", *SHAPE[name]) for name, data in samples(0, COUNT)]
    assert [(number, trial) for number, trial in enumerate(trials) if trial.fault] == []
    assert {trial.code for trial in trials} >= {0, 3}


@pytest.mark.parametrize(
    ("trial", "fault"),
    [
        (Trial(0, "", "", ("in.onnx", "out.onnx")), ""),
        (Trial(3, "", "bnfold: no.", ("in.onnx",)), ""),
        (Trial(4, "", "bnfold: internal", ("in.onnx",)), "exit code 4"),
        (Trial(-11, "", "", ("in.onnx",)), "exit code -11"),
        (Trial(3, "", "bnfold: Traceback", ("in.onnx",)), "traceback"),
        (Trial(3, "", "", ("in.onnx",)), "no sentence"),
        (Trial(3, "", "bnfold: no.", ("in.onnx", ".bnfold-1-x")), "left"),
        (Trial(0, "", "", ("in.onnx",)), "left"),
    ],
)
def test_faults_are_seen(trial: Trial, fault: str) -> None:
    assert trial.fault.startswith(fault)
    assert bool(trial.fault) == bool(fault)


def test_a_seed_gives_the_same_damage() -> None:
    first, second = (list(samples(7, 12)) for _ in range(2))
    assert first == second
    assert mutated_bytes(b"x" * 99, random.Random(1)) != mutated_bytes(b"x" * 99, random.Random(2))


def test_the_record_is_of_a_whole_run_without_faults() -> None:
    record = json.loads(Path(__file__).with_name("fuzz").joinpath("results.json").read_text())
    assert {way: sum(codes.values()) for way, codes in record["exit_codes"].items()} == {"forks": 2000, "commands": 100}
    assert record["faults"] == 0
