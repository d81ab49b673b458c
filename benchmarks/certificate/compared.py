"""Proofs beside those of `onnxsim --certify`, which asks Z3 whether two models may differ by more than a tolerance.

pip install z3-solver
python -m benchmarks.certificate.compared    # writes compared.json and docs/certificate-compared.md
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxsim
from onnx import helper, numpy_helper

import bnfold
from benchmarks.certificate.compared_page import page
from bnfold import sources
from bnfold.latency.environment import environment
from bnfold.proof.certificate import read as read_certificate
from bnfold.proof.checker import check
from bnfold.proof.reading.network import Network

ROOT = Path(__file__).parents[2]
RECORD, PAGE = Path(__file__).parent / "compared.json", ROOT / "docs" / "certificate-compared.md"
RANGE = (-4.0, 4.0)
LIMIT = 60
"""Seconds that Z3 gets for one pair of models; its work per window is what `--certify` allows."""


def small(batch: int | str) -> onnx.ModelProto:
    """Conv, BatchNormalization, Relu, Conv on 3x8x8, its weights drawn at random."""
    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(size=(4, 3, 3, 3)),
        "w2": rng.normal(size=(2, 4, 1, 1)),
        **{name: rng.uniform(0.5, 1.5, 4) for name in ("gamma", "beta", "mean", "variance")},
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "gamma", "beta", "mean", "variance"], ["b"], "bn1"),
        helper.make_node("Relu", ["b"], ["c"], "relu1"),
        helper.make_node("Conv", ["c", "w2"], ["y"], "conv2"),
    ]
    infos = [helper.make_tensor_value_info(n, 1, [batch, c, 8, 8]) for n, c in (("x", 3), ("y", 2))]
    constants = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    graph = helper.make_graph(nodes, "small", infos[:1], infos[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def trained(name: str, batch: int | str) -> onnx.ModelProto:
    """A trained network of `models/`, as the ONNX file that bnfold makes of it."""
    with sources.opened(ROOT / "models" / f"{name}.pt") as source:
        model = onnx.load(source.path)
    for value in (*model.graph.input, *model.graph.output):
        extent = value.type.tensor_type.shape.dim[0]
        extent.Clear()
        setattr(extent, "dim_value" if isinstance(batch, int) else "dim_param", batch)
    del model.graph.value_info[:]
    return model


def models() -> Iterator[tuple[str, onnx.ModelProto]]:
    """What is folded, and what it is called."""
    for extents, batch in (("one image", 1), ("a batch of any size", "N")):
        yield f"Conv, batch normalization, Relu, Conv; {extents}", small(batch)
        yield f"ResNet-20 on digits, trained; {extents}", trained("resnet20_digits", batch)


def tampered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with one weight of its second convolution off by a thousandth."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    convolutions = [node for node in copy.graph.node if node.op_type == "Conv"]
    (stored,) = (t for t in copy.graph.initializer if t.name == convolutions[1].input[1])
    weight = numpy_helper.to_array(stored).copy()
    weight.reshape(-1)[0] *= np.float32(1.001)
    stored.CopyFrom(numpy_helper.from_array(weight, stored.name))
    return copy


def timed(work: Callable[[], str]) -> dict[str, Any]:
    """What `work` says, and its processor seconds."""
    start = time.process_time()
    said = work()
    return {"said": said, "seconds": round(time.process_time() - start, 3)}


def by_z3(original: onnx.ModelProto, candidate: onnx.ModelProto, ranged: bool) -> str:
    """The verdict of onnxsim, with its reason; for all inputs, or for those within RANGE."""
    from onnxsim.certify import certify

    ranges = {value.name: RANGE for value in original.graph.input} if ranged else None
    report = certify(original, candidate, ranges, total_timeout_ms=LIMIT * 1000)
    verdicts = sorted(set(report.outputs.values()))
    details = [w.detail for w in report.windows if w.detail and not w.status.startswith("proved")]
    why = re.sub(r"^(input [^:]*: )+", "", details[0]).partition(";")[0] if details else ""
    why += ")" * (why.count("(") - why.count(")"))
    return ", ".join(verdicts) + (f": {why}" if why else "")


def measure(name: str, original: onnx.ModelProto, folder: Path) -> dict[str, Any]:
    """What both say of bnfold's fold, of that fold tampered with, and of onnxsim's own simplification."""
    files = [folder / file for file in ("original.onnx", "folded.onnx", "claims.json")]
    onnx.save(original, files[0])
    bnfold.fold(files[0], output=files[1], certificate=files[2], verify=False, force=True)
    claims = read_certificate(files[2], files[0], files[1])
    folded = onnx.load(files[1])
    wrong = tampered(folded)
    candidates = {"fold": folded, "tampered": wrong, "simplified": onnxsim.simplify(original)[0]}

    def ours(candidate: onnx.ModelProto) -> str:
        return check(Network(original), Network(candidate), claims).sentence

    return {
        "model": name,
        "bnfold": {"fold": timed(lambda: ours(folded)), "tampered": timed(lambda: ours(wrong))},
        "onnxsim": {key: timed(partial(by_z3, original, file, False)) for key, file in candidates.items()},
        "onnxsim_ranged": {key: timed(partial(by_z3, original, file, True)) for key, file in candidates.items()},
    }


def main() -> None:
    """Measure, print, and write the record and its page."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models():
            rows.append(measure(name, model, Path(folder)))
            print(json.dumps(rows[-1], indent=1), flush=True)
    versions = {name: version(name) for name in ("onnxsim", "z3-solver")}
    data = {"environment": environment().to_json(), "versions": versions, "limit": LIMIT, "rows": rows}
    RECORD.write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page(data))


if __name__ == "__main__":
    main()
