import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from importlib.metadata import version

from bnfold.latency import environment as module
from bnfold.latency.environment import Environment, environment


def test_facts_of_this_machine():
    found = environment()
    assert found.cpu
    assert 1 <= found.usable_cores <= found.logical_cores == os.cpu_count()
    assert found.python == sys.version.split()[0]
    assert found.versions["onnxruntime"] == version("onnxruntime")
    assert datetime.fromisoformat(found.time).utcoffset() == timedelta(0)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


def test_a_package_that_is_not_installed_is_absent():
    assert set(module._versions(("numpy", "bnfold-no-such-package"))) == {"numpy"}


def test_cpu_model_is_read_from_cpuinfo(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel\t\t: 7\nmodel name\t: Fast CPU: 3 GHz\n")
    assert module._cpu_model(tmp_path / "cpuinfo") == "Fast CPU: 3 GHz"


def test_cpu_model_without_cpuinfo_is_what_the_platform_says(tmp_path):
    assert module._cpu_model(tmp_path / "absent")


def test_a_system_without_load_average_says_none(monkeypatch):
    monkeypatch.delattr(os, "getloadavg")
    assert environment().to_json()["load_average"] is None


def test_importing_latency_imports_neither_runtime():
    modules = (
        "statistics, environment, sampler, sessions, file_size, ort_folds, bench, profile, footprint, stored, binding"
    )
    code = f"import sys; from bnfold.latency import {modules}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"onnxruntime", "torch"}.isdisjoint(shown.stdout.split())
    assert "bnfold.latency.bench" in shown.stdout.split()


def test_the_clock_is_the_mean_of_the_cores(tmp_path):
    (tmp_path / "cpuinfo").write_text("cpu MHz\t\t: 1000.5\nmodel name\t: x\ncpu MHz\t\t: 2000.5\n")
    assert module.mean_clock(tmp_path / "cpuinfo") == 1500.5
    (tmp_path / "arm").write_text("model name\t: x\n")
    assert module.mean_clock(tmp_path / "arm") is None
    assert module.mean_clock(tmp_path / "absent") is None


def test_json_is_read_back():
    found = environment()
    assert Environment.from_json(json.loads(json.dumps(found.to_json()))) == found
