import re

import pytest

from bnfold.errors import UsageError
from bnfold.latency.providers import CPU, PROVIDERS, Provider, provider, require
from bnfold.latency.sessions import open_session, session_options


def test_providers_are_those_that_onnxruntime_knows():
    import onnxruntime

    assert {each.onnxruntime for each in PROVIDERS.values()} <= set(onnxruntime.get_all_providers())


def test_an_unknown_provider():
    with pytest.raises(UsageError, match="There is no provider 'tpu'; choose from cpu, cuda"):
        provider("tpu")


@pytest.mark.parametrize("name", sorted(PROVIDERS.keys() - {"cpu"}))
def test_a_provider_that_is_absent_names_its_package(monkeypatch, name):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    wanted = PROVIDERS[name]
    with pytest.raises(UsageError, match=re.escape(f"{name} needs {wanted.package}.")):
        require(wanted)
    require(CPU)


def test_a_provider_that_does_not_start_is_not_replaced_by_the_cpu_silently(monkeypatch, model):
    import onnxruntime

    class Fallen:
        def get_providers(self):
            return ["CPUExecutionProvider"]

    path = model("m", 1)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: Fallen())
    with pytest.raises(UsageError, match="CUDAExecutionProvider does not start here"):
        open_session(path, session_options("all", 1), PROVIDERS["cuda"])


def test_what_a_provider_cannot_run_the_cpu_does(monkeypatch, model):
    import onnxruntime

    asked = []

    class Opened:
        def __init__(self, *_, providers):
            asked.append(providers)

        def get_providers(self):
            return asked[-1]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["Fast", "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Opened)
    path = model("m", 1)
    open_session(path, session_options("all", 1), Provider("fast", "Fast", "cpu", "x"))
    open_session(path, session_options("all", 1))
    assert asked == [["Fast", "CPUExecutionProvider"], ["CPUExecutionProvider"]]
