"""A command imports only what it needs, and importing bnfold costs next to nothing."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "onnxruntime", "onnx", "onnx_ir", "onnxsim", "sklearn", "matplotlib"}


def imported_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import bnfold", "import bnfold.cli.app", "import bnfold.gauge.solve"])
def test_start_is_light(code: str) -> None:
    assert not imported_by(code) & HEAVY


@pytest.mark.parametrize("name", ["fold", "inspect", "verify", "bench", "FoldResult"])
def test_onnx_needs_no_torch(name: str) -> None:
    assert "torch" not in imported_by(f"import bnfold; bnfold.{name}; bnfold.{name}")


def test_public_names_stay_functions() -> None:
    code = "import bnfold\nfor _ in range(2): assert callable(bnfold.fold), bnfold.fold"
    imported_by(code)


def test_unknown_names_are_attribute_errors() -> None:
    import bnfold

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bnfold.nothing
