"""The wheel, in an environment that has nothing else: it folds ONNX models there, and says what PyTorch needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from checks.environment import ROOT, Environment

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3, 16, 16] image) => (float[N, 4] scores)
<float[8, 3, 3, 3] w1, float[8, 8, 3, 3] w2, float[4, 8] w3, float[8] gamma, float[8] beta, float[8] mean, float[8] var>
{
    a = Conv <pads = [1, 1, 1, 1]> (image, w1)
    stream = BatchNormalization (a, gamma, beta, mean, var)
    inner = BatchNormalization (stream, gamma, beta, mean, var)
    b = Relu (inner)
    c = Conv <pads = [1, 1, 1, 1]> (b, w2)
    sum = Add (stream, c)
    normal = BatchNormalization (sum, gamma, beta, mean, var)
    d = Relu (normal)
    pooled = GlobalAveragePool (d)
    flat = Flatten (pooled)
    scores = Gemm <transB = 1> (flat, w3)
}
"""
"""A pre-activation residual network, all of whose BNs can go."""

SCRIPT = """
import bnfold
result = bnfold.fold("net.onnx", output="in-python.onnx")
assert result.report.verification.verdict == "equivalent", result.report.verification
assert all(decision.removed for decision in result.plan.decisions), result.plan.decisions
assert len(result.plan.decisions) == 3
assert bnfold.verify("net.onnx", "in-python.onnx").verdict == "equivalent"
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    environment = Environment(folder / "environment")
    environment.install("-c", str(ROOT / "constraints.txt"), str(wheel))
    return environment


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder outside of the checkout, with an ONNX model and a PyTorch one."""
    random = np.random.default_rng(0)
    model = onnx.parser.parse_model(NET)
    for value in model.graph.value_info:
        shape = [extent.dim_value for extent in value.type.tensor_type.shape.dim]
        array = random.uniform(0.5, 1.5, shape) if len(shape) == 1 else random.normal(0, 0.3, shape)
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), value.name))
    onnx.save(model, tmp_path / "net.onnx")
    shutil.copy(ROOT / "models" / "resnet20_digits.pt", tmp_path / "net.pt")
    return tmp_path


def test_it_has_no_optional_package(empty: Environment, place: Path) -> None:
    names = "torch onnxscript safetensors onnxsim PIL matplotlib jinja2 grandalf pytest"
    code = f"from importlib.util import find_spec; print(*filter(find_spec, {names.split()}))"
    assert empty.run(["python", "-c", code], place).stdout.split() == []


def test_the_command_folds(empty: Environment, place: Path) -> None:
    done = empty.run(["bnfold", "fold", "net.onnx", "-o", "folded.onnx", "--json", "run.json", "--no-bench"], place)
    assert done.returncode == 0, done.stderr
    report = json.loads((place / "run.json").read_text())
    assert report["affine"] == {**report["affine"], "before": 3, "after": 0}
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(place / "folded.onnx").graph.node}


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("inspect net.onnx", "net.onnx"),
        ("verify net.onnx net.onnx", "Proof: equivalent"),
        ("diff net.onnx net.onnx", "The models are the same"),
    ],
)
def test_so_do_the_other_commands(empty: Environment, place: Path, command: str, says: str) -> None:
    done = empty.run(["bnfold", *command.split()], place)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


def test_python_folds(empty: Environment, place: Path) -> None:
    done = empty.run(["python", "-c", SCRIPT], place)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("output", ["folded.onnx", "folded.pt2", "folded.safetensors"])
def test_what_needs_pytorch_says_so(empty: Environment, place: Path, output: str) -> None:
    done = empty.run(["bnfold", "fold", "net.pt", "-o", output], place)
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].endswith("run `pip install 'bnfold[torch]'`.")
    assert "Traceback" not in done.stderr
    assert not (place / output).exists()


def test_python_says_so_as_well(empty: Environment, place: Path) -> None:
    done = empty.run(["python", "-c", "import bnfold; bnfold.load('folded.safetensors')"], place)
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("bnfold.load needs an optional package: run `pip install 'bnfold[torch]'`.")
    )


def test_what_needs_another_package_says_so(empty: Environment, place: Path) -> None:
    done = empty.run(["bnfold", "fold", "net.onnx", "-o", "folded.onnx", "--no-bench", "--report", "run.html"], place)
    assert "pip install 'bnfold[report]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_types_are_part_of_it(empty: Environment, place: Path) -> None:
    code = "import bnfold, pathlib; print(*(p.name for p in pathlib.Path(bnfold.__file__).parent.glob('py.typed')))"
    assert empty.run(["python", "-c", code], place).stdout.split() == ["py.typed"]
