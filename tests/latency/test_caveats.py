from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bnfold.latency import caveats
from bnfold.latency.caveats import Watch, of_samples
from bnfold.latency.sampler import Contestant, Samples, Sampling
from bnfold.latency.setting import Setting

SETTING = Setting("cpu", 2, {"x": (1, 3, 8, 8)}, "all")


def sampling(growth):
    medians = np.linspace(1, growth, 30).reshape(-1, 1)
    samples = Samples(Contestant("m", Path("m.onnx")), medians, medians, 1, None)
    return Sampling((samples,), samples, 0.1)


@pytest.mark.parametrize(("growth", "warned"), [(1.3, True), (1.05, False), (0.7, False)])
def test_a_machine_that_gets_slower_is_a_warning(growth, warned):
    found = of_samples([(SETTING, sampling(growth))], seed=0)
    assert len(found) == warned
    if warned:
        assert found[0].startswith("At level all (cpu, 2 threads, x 1x3x8x8), the last runs of the reference took 1.2")
        assert "raise --seconds" in found[0]


def watch(**now):
    start = Watch(0.0, 100.0, 50.0, 3000.0)
    return start, replace(start, **now)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"since": 10.0, "busy": 110.0, "own": 60.0}, None),
        ({"since": 10.0, "busy": 115.0, "own": 60.0}, "Other programs kept 0.5 cores busy while measuring"),
        ({"since": 10.0, "busy": None, "own": 60.0}, None),
        ({"since": 10.0, "busy": 110.0, "own": 60.0, "clock_mhz": 2000.0}, "fell from 3000 to 2000 MHz"),
        ({"since": 10.0, "busy": 110.0, "own": 60.0, "clock_mhz": 2900.0}, None),
        ({"since": 10.0, "busy": 110.0, "own": 60.0, "clock_mhz": None}, None),
    ],
)
def test_what_happened_on_the_machine_while_measuring(monkeypatch, now, words):
    start, end = watch(**now)
    monkeypatch.setattr(Watch, "start", classmethod(lambda _: end))
    found = start.warnings()
    assert [words in each for each in found] == [True] * (words is not None)


def test_the_processor_time_of_the_machine_is_read(tmp_path):
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 200 300 9999 8888 10 20 30 0 0\ncpu0 1 2 3\n")
    assert caveats._busy(stat) == pytest.approx(630 / caveats.os.sysconf("SC_CLK_TCK"))
    assert caveats._busy(tmp_path / "absent") is None
