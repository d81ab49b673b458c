"""A command imports only what it needs, and importing bnfold costs next to nothing."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "onnxruntime", "onnx", "onnx_ir", "onnxsim", "sklearn", "matplotlib", "jinja2", "grandalf"}


def imported_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import bnfold", "import bnfold.cli.app", "import bnfold.gauge.solve"])
def test_start_is_light(code: str) -> None:
    assert not imported_by(code) & HEAVY


def test_help_needs_no_numpy() -> None:
    assert not {"numpy", "ml_dtypes", "pydantic"} & imported_by("import bnfold.cli.app")


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


def test_sympy_waits_for_its_first_use() -> None:
    """It is slow to import, and no command needs it unless a shape does; used, it is the real one."""
    code = "from bnfold.cli.deferred import defer; defer()\nimport onnx_ir\n"
    script = f"{code}import sys\nassert 'sympy.core' not in sys.modules\nprint(onnx_ir.SymbolicDim('n') + 1)\n"
    script += "import sympy\nassert 'sympy.core' in sys.modules and sympy.Symbol('n') + 0 == sympy.Symbol('n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "n + 1\n"), done.stderr


def test_a_verdict_imports_no_interpreter() -> None:
    assert "onnx" not in imported_by("import bnfold.verification.verdict")


def test_shapes_that_only_onnxruntime_infers_need_no_torch() -> None:
    """Those of an operator of its own, at which the inference of onnx gives up."""
    code = """
import onnx, onnx_ir as ir
from bnfold.graph.shapes import infer_shapes
text = '''<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
g (float[2, 3] x) => (float[2, 3] z) { y = com.microsoft.Gelu(x)  z = Relu(y) }'''
shape = infer_shapes(ir.from_proto(onnx.parser.parse_model(text)))["y"].shape
assert shape == (2, 3), shape
"""
    assert not {"torch", "onnxruntime"} & imported_by(code)
