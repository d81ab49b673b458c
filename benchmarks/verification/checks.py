"""The checks of other tools, called as those tools call them where they can be, and bnfold's own."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir

Check = Callable[[onnx.ModelProto, onnx.ModelProto], bool]

# `_core.py` of torch.onnx's exporter has this number in its code: an output that is off by more has "a large absolute
# difference", with `verify=True`.
TORCH_ABSOLUTE = 5e-3


def bnfold(original: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """`verify` of two finished files, no tolerance given."""
    from bnfold.verification import make_batches, specs_of, verify_files

    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "original.onnx"), Path(folder, "candidate.onnx")
        for model, path in zip((original, candidate), paths, strict=True):
            onnx.save(model, path)
        return verify_files(*paths, make_batches(specs_of(ir.from_proto(original)))).verdict == "equivalent"


def onnxsim(original: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """Its own comparison with its defaults: five uniform inputs."""
    from onnxsim.model_checking import compare

    return bool(compare(candidate, original, verbose=False))


def onnxslim(original: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """What `--model-check` does: one random input."""
    from onnxslim.utils import check_onnx, check_result, onnxruntime_inference

    feeds, before, _ = check_onnx(original)
    return bool(check_result(before, onnxruntime_inference(candidate, feeds)[0]))


def onnxscript(original: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """The assertion of its rewrite rules' tests, once per output, for it takes no outputs of several shapes."""
    from onnxscript.rewriter.testing import assert_numerically_equal, generate_random_inputs

    feeds = generate_random_inputs(original)
    try:
        for output in original.graph.output:
            assert_numerically_equal(_only(original, output.name), _only(candidate, output.name), feeds)
    except AssertionError:
        return False
    return True


def _only(model: onnx.ModelProto, output: str) -> onnx.ModelProto:
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    kept = [value for value in copy.graph.output if value.name == output]
    del copy.graph.output[:]
    copy.graph.output.extend(kept)
    return copy


def torch(original: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """The number in its exporter, applied to one normal input."""
    import onnxruntime

    rng, found = np.random.default_rng(0), []
    feeds = {
        i.name: rng.normal(size=[d.dim_value for d in i.type.tensor_type.shape.dim]).astype(np.float32)
        for i in original.graph.input
    }
    for model in (original, candidate):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        found.append(session.run(None, feeds))
    return all(
        a.shape == b.shape and float(np.max(np.abs(a - b))) < TORCH_ABSOLUTE for a, b in zip(*found, strict=True)
    )


def rules() -> dict[str, str]:
    """Each check in words, with the version of the package and the tolerances in its own source."""
    import inspect

    from onnxscript.rewriter.testing import assert_numerically_equal
    from onnxsim.model_checking import compare
    from onnxslim.utils import check_result

    sim, script = (inspect.signature(f).parameters for f in (compare, assert_numerically_equal))
    slim = dict(re.findall(r"(rtol|atol)=([\d.e+-]+)", inspect.getsource(check_result)))
    return {
        "bnfold": "what rounding explains, measured",
        "onnxsim": _rule("onnxsim", "`compare`", sim["rtol"].default, sim["atol"].default),
        "onnxslim": _rule("onnxslim", "`check_result`", float(slim["rtol"]), float(slim["atol"])),
        "onnxscript": _rule("onnxscript", "`assert_numerically_equal`", script["rtol"].default, script["atol"].default),
        "torch.onnx": _rule("torch", "`export(verify=True)`", 0, TORCH_ABSOLUTE),
    }


def _rule(package: str, where: str, rtol: float, atol: float) -> str:
    return f"{package} {version(package).split('+')[0]}, {where}: rtol {rtol:g}, atol {atol:g}"


def silenced(check: Check, original: onnx.ModelProto, candidate: onnx.ModelProto) -> bool:
    """The answer of a check, without what it prints; the same random inputs every time, and no model changed.

    Outputs of another shape end some checks in numpy's ValueError, which accepts nothing.
    """
    np.random.seed(0)
    original, candidate = (onnx.ModelProto.FromString(m.SerializeToString()) for m in (original, candidate))
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            return check(original, candidate)
        except ValueError:
            return False


CHECKS: dict[str, Check] = {
    "bnfold": bnfold,
    "onnxsim": onnxsim,
    "onnxslim": onnxslim,
    "onnxscript": onnxscript,
    "torch.onnx": torch,
}
