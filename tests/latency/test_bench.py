import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bnfold.errors import SourceError, UsageError
from bnfold.isolation import ChildError
from bnfold.latency import bench as module
from bnfold.latency import caveats
from bnfold.latency.bench import bench
from bnfold.latency.environment import environment
from bnfold.latency.results import BenchResult
from bnfold.latency.sampler import Samples, Sampling
from bnfold.latency.setting import Setting


def shapes(feeds):
    return {name: array.shape for name, array in feeds.items()}


@pytest.fixture
def pretend(monkeypatch):
    """Replace the child process by synthetic times; return what it was asked."""
    asked = []

    def set_up(costs=(1.0,), *, blocks=30, control=1.0, block_seconds=0.1):
        def call(target, *, limits=None, contestants=(), feeds, level, threads, provider, seconds=0, seed=0, path=None):
            if target.endswith(":peak_bytes"):
                return 7_000_000
            asked.append((limits.timeout, Setting(provider, threads, shapes(feeds), level), seconds, seed, contestants))
            rng = np.random.default_rng(seed)

            def samples(contestant, cost):
                runs = cost * np.exp(0.005 * rng.standard_normal((blocks, 5)))
                return Samples(contestant, runs, 10 * runs[:, :1] ** 2, 1000, (1e-6, 2e-6))

            everyone = [samples(*each) for each in zip(contestants, costs, strict=True)]
            again = samples(replace(contestants[0], name="again"), costs[0] / control)
            return Sampling(tuple(everyone), again, block_seconds)

        monkeypatch.setattr(module, "call", call)
        return asked

    machine = replace(environment(), usable_cores=8, load_average=(0.0, 0.0, 0.0))
    monkeypatch.setattr(caveats.Watch, "warnings", lambda _watch: [])
    monkeypatch.setattr(module, "environment", lambda: machine)
    return set_up


def test_a_model_with_more_layers_is_slower_end_to_end(model, feeds):
    seen = []
    result = bench([model("short", 2), model("long", 16)], [feeds], seconds=1.2, progress=seen.append)
    assert seen == [0.5, 1.0]
    assert [(each.name, each.setting.level) for each in result.contestants] == [
        (name, level) for level in ("disabled", "all") for name in ("short", "long")
    ]
    assert [each.setting.level for each in result.comparisons] == ["disabled", "all"]
    for each in result.comparisons:
        assert (each.reference, each.candidate, each.run.verdict) == ("short", "long", "slower")
        assert each.run.speedup.high < 0.7
        assert each.load.speedup.value < 1
    assert all(each.run.n >= 6 and each.load.n >= 6 for each in result.contestants)
    assert all(each.peak_bytes > 0 and min(each.copies) > 0 for each in result.contestants)
    for raw in (False, True):
        data = json.loads(json.dumps(result.to_json(raw=raw)))
        assert BenchResult.from_json(data) == result
        assert BenchResult.from_json(data).to_json() == result.to_json()


def test_onnxruntime_runs_in_a_child_process_only(model, tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from bnfold.latency.bench import bench\n"
        "feeds = {'x': np.zeros((1, 3, 8, 8), np.float32)}\n"
        "print(bench([Path(sys.argv[1])], [feeds], levels=['basic'], seconds=0.01).comparisons)\n"
        "print('onnxruntime' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(model("m", 1))]
    shown = subprocess.run(command, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["()", "False"]


def test_a_crash_of_the_child_is_an_error_sentence(model, feeds, monkeypatch):
    def crash(_target, **arguments):
        return real("os:abort")

    real = module.call
    monkeypatch.setattr(module, "call", crash)
    with pytest.raises(ChildError, match="ended by SIGABRT"):
        bench([model("m", 1)], [feeds])


def test_errors_of_the_child_keep_their_class(model, feeds, tmp_path):
    with pytest.raises(SourceError, match=r"There is no file \S+missing\.onnx"):
        bench([tmp_path / "missing.onnx"], [feeds])
    with pytest.raises(UsageError, match="needs the input 'x'"):
        bench([model("m", 1)], [{}])


def test_each_level_gets_its_share_and_the_same_settings(pretend):
    asked = pretend((1.0, 2.0))
    one, eight = ({"x": np.zeros((count, 3))} for count in (1, 8))
    settings = {"levels": ["all", "basic"], "threads": [3, 1], "providers": ["cuda", "cpu"]}
    result = bench([Path("a.onnx"), Path("b.onnx")], [one, eight], **settings, seconds=32.0, seed=5)
    expected = [
        Setting(provider, threads, {"x": (batch, 3)}, level)
        for provider in ("cuda", "cpu")
        for threads in (3, 1)
        for batch in (1, 8)
        for level in ("all", "basic")
    ]
    assert [setting for _, setting, *_ in asked] == result.settings() == expected
    assert {(seconds, seed) for _, _, seconds, seed, _ in asked} == {(2.0, 5)}
    assert all([each.name for each in contestants] == ["a", "b"] for *_, contestants in asked)
    assert all(timeout > 10 * seconds for timeout, _, seconds, *_ in asked)
    assert [(each.name, each.setting) for each in result.contestants] == [(n, s) for s in expected for n in "ab"]
    first, last = result.contestants[0], result.contestants[-1]
    assert (last.setting.batch, last.peak_bytes, last.copies) == (8, 7_000_000, (1e-6, 2e-6))
    assert last.per_second == pytest.approx(8 / last.run.p50)
    assert first.per_second == pytest.approx(1 / first.run.p50)


def test_comparisons_and_control(pretend):
    pretend((1.0, 0.5, 2.0, 1.0))
    result = bench([Path(f"{name}.onnx") for name in "rfse"], [{}], levels=["all"], seconds=9.0)
    assert [each.run.verdict for each in result.comparisons] == ["faster", "slower", "no difference"]
    assert [each.load.verdict for each in result.comparisons] == ["faster", "slower", "no difference"]
    assert result.comparisons[0].run.speedup.value == pytest.approx(2.0, rel=0.01)
    assert result.comparisons[0].load.speedup.value == pytest.approx(4.0, rel=0.04)
    assert {each.run.control for each in result.comparisons} == {result.comparisons[0].run.control}
    assert result.contestants[1].run.p50 == pytest.approx(0.5, rel=0.01)
    assert result.contestants[1].load.p50 == pytest.approx(2.5, rel=0.02)
    assert result.warnings == ()


@pytest.mark.parametrize("control", [1.04, 1 / 1.04])
def test_a_control_that_is_off_is_a_warning(pretend, control):
    pretend(control=control)
    (warning,) = bench([Path("m.onnx")], [{}], levels=["all"]).warnings
    assert warning.startswith(
        f"At level all (cpu, 1 thread), the reference measured against itself came out {control:.2f}x as fast:"
    )
    assert warning.endswith("raise --seconds.")


@pytest.mark.parametrize("control", [1.02, 1 / 1.02])
def test_a_control_that_is_nearly_right_is_not(pretend, control):
    pretend(control=control)
    assert bench([Path("m.onnx")], [{}]).warnings == ()


def test_too_few_blocks_is_a_warning_that_says_how_long_to_measure(pretend):
    pretend(blocks=8, block_seconds=0.9)
    (warning,) = bench([Path("m.onnx")], [{}], levels=["all"], seconds=8.0).warnings
    assert warning.endswith("enough for fewer than 20 blocks of runs: use --seconds 20 or more.")
    (warning,) = bench([Path("m.onnx")], [{}], seconds=8.0).warnings
    assert warning.startswith("At level disabled (cpu, 1 thread) and in 1 more setting, the time")
    assert warning.endswith("use --seconds 40 or more.")


@pytest.mark.parametrize(
    ("load", "threads", "warned"), [(3.4, 1, False), (3.6, 1, True), (0.4, 4, False), (0.6, 4, True)]
)
def test_a_busy_machine_is_a_warning(pretend, monkeypatch, load, threads, warned):
    machine = replace(environment(), usable_cores=4, load_average=(load, 0.0, 0.0))
    pretend()
    monkeypatch.setattr(module, "environment", lambda: machine)
    warnings = bench([Path("m.onnx")], [{}], threads=[threads]).warnings
    assert [f"load average was {load}" in each for each in warnings] == [True] * warned


def test_an_unknown_load_average_is_no_warning(pretend, monkeypatch):
    machine = replace(environment(), usable_cores=4, load_average=None)
    pretend()
    monkeypatch.setattr(module, "environment", lambda: machine)
    assert bench([Path("m.onnx")], [{}]).warnings == ()


def test_more_threads_than_cores_is_a_warning(pretend):
    pretend()
    (warning,) = bench([Path("m.onnx")], [{}], threads=[1, 9]).warnings
    assert warning == "9 threads share 8 usable cores: lower --threads to 8 or less."


@pytest.mark.parametrize(
    ("paths", "options", "sentence"),
    [
        ([], {}, "no model"),
        (["a"], {"names": ["x", "y"]}, "1 models need"),
        (["a", "b"], {"names": ["x", "x"]}, "different names"),
        (["a"], {"levels": []}, "Levels are"),
        (["a"], {"levels": ["all", "all"]}, "Levels are"),
        (["a"], {"levels": ["extreme"]}, "disabled, basic, all"),
        (["a"], {"threads": [1, 0]}, "numbers of threads from 1 on"),
        (["a"], {"threads": [2, 2]}, "different numbers of threads"),
        (["a"], {"threads": []}, "different numbers of threads"),
        (["a"], {"providers": ["cpu", "cpu"]}, "different providers"),
        (["a"], {"providers": ["tpu"]}, "There is no provider 'tpu'; choose from cpu, cuda"),
        (["a"], {"feeds": []}, "no input to measure with"),
        (["a"], {"seconds": 0}, "--seconds is 0"),
        (["a"], {"seconds": float("nan")}, "--seconds is nan"),
        (["a"], {"seconds": float("inf")}, "--seconds is inf"),
    ],
)
def test_arguments_that_cannot_be_used(paths, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        bench([Path(path) for path in paths], **{"feeds": [{}], **options})


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x.onnx", "b/y.onnx"], ["x", "y"]),
        (["a/x.onnx", "b/x.onnx"], ["a/x.onnx", "b/x.onnx"]),
        (["x.onnx", "x.onnx", "x.onnx"], ["x.onnx", "x.onnx #2", "x.onnx #3"]),
    ],
)
def test_labels_tell_files_apart(pretend, paths, names):
    pretend([1.0] * len(paths))
    result = bench([Path(path) for path in paths], [{}], levels=["all"])
    assert [each.name for each in result.contestants] == names


def test_given_names_are_used(pretend):
    pretend((1.0, 1.0))
    result = bench([Path("m.onnx"), Path("m.onnx")], [{}], levels=["all"], names=["before", "after"])
    assert (result.comparisons[0].reference, result.comparisons[0].candidate) == ("before", "after")
    assert result.contestants[0].path == Path("m.onnx")


def test_a_single_model_is_measured_without_comparison(pretend):
    pretend()
    result = bench([Path("m.onnx")], [{}], levels=["all"])
    assert len(result.contestants) == 1
    assert result.comparisons == ()
