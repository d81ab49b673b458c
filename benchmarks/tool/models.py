"""The models that are folded: ResNet-50 in one file of 100 MB, and gigabytes of weights in a file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

CHANNELS, SIDE = 2048, 3


def resnet50(folder: Path) -> Path:
    """Written once, with random weights and parameters that fold to something else."""
    path = folder / "resnet50.onnx"
    if not path.exists():
        import torch

        from bnfold.sources.module import write_module
        from bnfold.zoo import resnet50 as build

        torch.manual_seed(0)
        module = build().eval()
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.data.uniform_(0.5, 1.5)
                part.running_mean.normal_(0, 0.3)  # type: ignore[union-attr, operator]
                part.running_var.uniform_(0.5, 2)  # type: ignore[union-attr, operator]
        folder.mkdir(parents=True, exist_ok=True)
        write_module(module, path, {"input": (1, 3, 224, 224)})
    return path


def single(folder: Path, megabytes: int) -> Path:
    """A chain of convolutions of 9 MB each in one file, with a BatchNormalization behind every one."""
    import onnx

    path = large(folder, megabytes / 1e3, channels=512)
    model = onnx.load(path)
    remove(path)
    onnx.save(model, path)
    return path


def large(folder: Path, gigabytes: float, channels: int = CHANNELS) -> Path:
    """A chain of convolutions of 151 MB each, with a BatchNormalization behind every one; written block by block."""
    folder.mkdir(parents=True, exist_ok=True)
    path, random = folder / "large.onnx", np.random.default_rng(0)
    size = 4 * channels * channels * SIDE * SIDE
    blocks = max(1, round(gigabytes * 1e9 / size))
    nodes, tensors = [], []
    offset = 0
    with (folder / "large.onnx.data").open("wb") as file:
        for block in range(blocks):
            shapes = {"w": (channels, channels, SIDE, SIDE), **dict.fromkeys(("g", "b", "m", "v"), (channels,))}
            for part, shape in shapes.items():
                array = random.random(shape, np.float32)
                tensor = TensorProto(name=f"{part}{block}", data_type=TensorProto.FLOAT, dims=shape)
                tensor.data_location = TensorProto.EXTERNAL
                for key, value in (("location", "large.onnx.data"), ("offset", offset), ("length", array.nbytes)):
                    tensor.external_data.add(key=key, value=str(value))
                array.tofile(file)
                offset += array.nbytes
                tensors.append(tensor)
            x = f"x{block}"
            nodes.append(helper.make_node("Conv", [x, f"w{block}"], [f"c{block}"], pads=[1] * 4))
            parameters = [f"{part}{block}" for part in ("g", "b", "m", "v")]
            nodes.append(helper.make_node("BatchNormalization", [f"c{block}", *parameters], [f"x{block + 1}"]))
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, 8, 8]) for name in ("x0", f"x{blocks}")
    ]
    graph = helper.make_graph(nodes, "large", values[:1], values[1:], tensors)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )
    return path


def size_of(path: Path) -> int:
    """Bytes of a model and its data file."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))


def remove(path: Path) -> None:
    """A model and its data file."""
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()
