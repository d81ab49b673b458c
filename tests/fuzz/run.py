"""The files that are damaged, and the order in which the damage comes."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from typer.testing import CliRunner

from bnfold.cli.app import app
from bnfold.zoo import resnet20
from tests.cli.conftest import small_net
from tests.fuzz.mutate import mutated_bytes, mutated_graph
from tests.networks import Net

CHECKPOINTS = 4
"""One file in so many is a checkpoint."""


def samples(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of damaged files; a seed gives the same ones always."""
    rng = random.Random(seed)
    graphs, checkpoints = _graphs(), _checkpoints()
    for number in range(count):
        if number % CHECKPOINTS == 0:
            yield "in.pt", mutated_bytes(rng.choice(checkpoints), rng)
        else:
            damage = mutated_graph if rng.random() < 0.7 else mutated_bytes
            yield "in.onnx", damage(rng.choice(graphs), rng)


def warm() -> None:
    """Import, in this process, everything that a fork needs: fold what is not damaged yet."""
    torch.set_num_threads(1)
    whole = [*(("in.onnx", graph) for graph in _graphs()), *(("in.pt", saved) for saved in _checkpoints()[:2])]
    with TemporaryDirectory(prefix="fuzz-") as folder:
        for name, data in whole:
            source = Path(folder, name)
            source.write_bytes(data)
            output = ["-o", str(source.with_suffix(".folded.onnx")), "--force"]
            done = CliRunner().invoke(app, ["fold", str(source), *output, "--no-bench", "--no-verify", *SHAPE[name]])
            assert done.exit_code == 0, done.output


SHAPE = {"in.onnx": (), "in.pt": ("--input", "x:1,3,8,8")}
"""What the command needs to know of an undamaged file."""


def _graphs() -> list[bytes]:
    joined = Net(dynamic=True)
    x = joined.relu(joined.bn(joined.conv(joined.input(2, 4, 8, 8), 4)))
    y = joined.node("Concat", joined.conv(x, 4), joined.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4), axis=1)
    pooled = joined.node("Flatten", joined.node("GlobalAveragePool", joined.bn(y)))
    moved = Net(opset=13)
    z = moved.node("Reshape", moved.conv(moved.input(1, 3, 8, 8), 6), [1, 6, 64])
    z = moved.node(
        "Add", moved.node("MatMul", moved.node("Transpose", z, perm=[0, 2, 1]), moved.normal(6, 5)), moved.normal(5)
    )
    models = [small_net(), joined.model(joined.linear(pooled, 3)), moved.model(moved.node("Mul", z, moved.normal(5)))]
    for model in models:
        onnx.checker.check_model(model)
    return [model.SerializeToString() for model in models]


def _checkpoints() -> list[bytes]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).eval()
    return [_saved(module), _saved(resnet20(num_classes=2).state_dict()), _saved({"state_dict": module.state_dict()})]


def _saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
