import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from bnfold.errors import SourceError, UsageError
from bnfold.latency.bench import bench
from bnfold.latency.environment import environment
from bnfold.latency.results import BenchResult
from bnfold.latency.stored import COLUMNS, changes, differences, load, write_csv


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    from tests.latency.conftest import chain

    folder = tmp_path_factory.mktemp("models")
    paths = [chain(folder / f"{name}.onnx", layers) for name, layers in (("short", 1), ("long", 4))]
    feeds = [{"x": np.ones((count, 3, 8, 8), np.float32)} for count in (1, 2)]
    return bench(paths, feeds, levels=["all"], seconds=0.1)


@pytest.mark.parametrize("raw", [True, False])
def test_a_benchmark_is_read_back_from_either_report(result, tmp_path, raw):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(result.to_json(raw=raw)))
    assert load(path) == result
    path.write_text(json.dumps({"schema_version": 1, "benchmark": result.to_json(raw=raw)}))
    assert load(path) == result
    medians = [np.median(each.runs, axis=1) for each in result.contestants]
    for each, known in zip(load(path).contestants, medians, strict=True):
        assert np.allclose(np.median(each.runs, axis=1), known, rtol=0, atol=0)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"benchmark": null}', '{"environment": {}}', "null", "3"])
def test_a_file_without_a_benchmark(tmp_path, text):
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(SourceError, match="holds no benchmark; give a file that `bnfold bench --json`"):
        load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        load(tmp_path / "absent.json")


def test_every_time_is_a_line(result, tmp_path):
    path = tmp_path / "b.csv"
    write_csv(result, path)
    heading, *lines = csv.reader(path.read_text().splitlines())
    assert tuple(heading) == COLUMNS
    everyone = [*result.contestants, *result.controls]
    assert len(lines) == sum(each.runs.size for each in everyone)
    first = result.contestants[0]
    mine = [line for line in lines if line[:6] == ["short", "contestant", "cpu", "1", "x:1x3x8x8", "all"]]
    assert np.allclose([float(line[-1]) for line in mine], first.runs.ravel(), rtol=0, atol=1e-9)
    assert {line[1] for line in lines} == {"contestant", "control"}


def test_a_csv_that_cannot_be_written(result, tmp_path):
    with pytest.raises(UsageError, match="cannot be written to"):
        write_csv(result, tmp_path / "no" / "b.csv")


def test_two_benchmarks_are_compared_where_they_measured_the_same(result):
    slower = [replace(each, run=replace(each.run, p50=2 * each.run.p50)) for each in result.contestants[:2]]
    earlier = replace(result, contestants=tuple(slower))
    found = changes(earlier, result)
    assert [each.later for each in found] == list(result.contestants[:2])
    assert [each.ratio for each in found] == [2.0, 2.0]
    others = tuple(replace(each, name="other") for each in result.contestants)
    with pytest.raises(UsageError, match="no model and setting in common"):
        changes(replace(result, contestants=others), result)


def test_what_differs_between_the_machines_is_said():
    here = environment()
    there = replace(here, cpu="Other", versions={**here.versions, "onnxruntime": "1.0", "gone": "2"})

    def of(machine):
        return BenchResult(machine, None, 1.0, 0, (), (), (), ())

    now = here.versions["onnxruntime"]
    assert differences(of(there), of(here)) == [
        f"cpu: Other then, {here.cpu} now.",
        "gone: 2 then, absent now.",
        f"onnxruntime: 1.0 then, {now} now.",
    ]
    assert differences(of(here), of(here)) == []
