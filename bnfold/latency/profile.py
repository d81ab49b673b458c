"""Where the time of a run goes, operator by operator, as ONNX Runtime's own profiler sees it.

Operators are those that ONNX Runtime runs after its graph optimizations, so a fused operator is one. Each is held
against the roofline of this machine (Williams, Waterman and Patterson, 2009): an operator of m multiply-adds that
moves b bytes cannot take less than max(m / peak, b / bandwidth) seconds; its share of the roof is that over what it
took. Both peaks are measured with ONNX Runtime itself, at the same number of threads; the bandwidth with as many bytes
as the model moves, so that a model that fits a cache is held against the cache.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from bnfold.latency.providers import PROVIDERS
from bnfold.latency.sessions import Feeds, Level, first_run, open_session, session_options

RUNS = 20
SIDE = 1024
"""Of the square matrices whose product measures the peak."""
STREAM = (1 << 14, 1 << 24)
"""Fewest and most elements that are read and written once to measure the bandwidth."""
KERNEL = "_kernel_time"


@dataclass(frozen=True)
class Roof:
    """What this machine reached: multiply-adds a second, and bytes a second of main memory."""

    multiply_adds: float
    bytes: float


@dataclass(frozen=True)
class Kernel:
    """One operator of the optimized graph.

    Attributes:
        name: of its node.
        op_type: what it is.
        provider: that ran it.
        seconds: median of a run.
        multiply_adds: of a run; 0 for all but convolutions and products of matrices.
        bytes: read and written at least: activations, parameters and outputs, each once.
    """

    name: str
    op_type: str
    provider: str
    seconds: float
    multiply_adds: float
    bytes: float


@dataclass(frozen=True)
class Profile:
    """A run of one model.

    Attributes:
        name: label of the model.
        kernels: in the order in which they ran.
        roof: of the machine at the same number of threads; None where it was not measured, or not a CPU.
    """

    name: str
    kernels: tuple[Kernel, ...]
    roof: Roof | None

    @property
    def seconds(self) -> float:
        """Of all operators together."""
        return sum(kernel.seconds for kernel in self.kernels)

    @property
    def bytes(self) -> float:
        """That all operators together move."""
        return sum(kernel.bytes for kernel in self.kernels)

    def by_type(self) -> dict[str, list[Kernel]]:
        """Operators by type, the type that takes longest first."""
        groups: dict[str, list[Kernel]] = {}
        for kernel in self.kernels:
            groups.setdefault(kernel.op_type, []).append(kernel)
        return dict(sorted(groups.items(), key=lambda group: -sum(kernel.seconds for kernel in group[1])))

    def share_of_roof(self, kernels: list[Kernel]) -> float | None:
        """The least time that these operators could take over the time they took."""
        took = sum(kernel.seconds for kernel in kernels)
        if self.roof is None or not took:
            return None
        roof = self.roof
        return sum(max(each.multiply_adds / roof.multiply_adds, each.bytes / roof.bytes) for each in kernels) / took

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as a JSON-ready dict."""
        return asdict(self) | {"kernels": [asdict(kernel) for kernel in self.kernels]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        roof = None if data["roof"] is None else Roof(**data["roof"])
        return cls(data["name"], tuple(Kernel(**kernel) for kernel in data["kernels"]), roof)


def profile(path: Path, feeds: Feeds, *, level: Level, threads: int, provider: str, name: str) -> Profile:
    """Profile one model, without a roof; call it in a child process.

    Raises:
        SourceError: ONNX Runtime cannot load the file.
        UsageError: the feeds do not fit.
    """
    with tempfile.TemporaryDirectory(prefix="bnfold-") as folder:
        options = session_options(level, threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = open_session(path, options, PROVIDERS[provider])
        first_run(session, feeds, path)
        for _ in range(RUNS):
            session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text())
    return Profile(name, tuple(_kernels(events)), None)


def roofline(threads: int, size: float) -> Roof:
    """Measure both peaks of the CPU with ONNX Runtime, moving about `size` bytes; call it in a child process."""
    square = np.ones((SIDE, SIDE), np.float32)
    product = _timed("MatMul", {"a": square, "b": square}, threads)
    stream = np.ones(int(np.clip(size / 8, *STREAM)), np.float32)
    moved = _timed("Relu", {"a": stream}, threads)
    return Roof(SIDE**3 / product, 2 * stream.nbytes / moved)


def _timed(op_type: str, feeds: Feeds, threads: int) -> float:
    """Least seconds of one operator, its output being allocated once."""
    import onnxruntime
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in feeds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op_type, list(feeds), ["y"])], "peak", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = session_options("all", threads)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    binding.bind_output("y")
    return _least(lambda: session.run_with_iobinding(binding))


def _least(action: Callable[[], object], seconds: float = 0.5, fewest: int = 5) -> float:
    action()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < fewest or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def _kernels(events: list[dict[str, Any]]) -> list[Kernel]:
    """One entry a node, from the events of several runs."""
    times: dict[str, list[float]] = {}
    last: dict[str, Mapping[str, Any]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(KERNEL):
            name = event["name"].removesuffix(KERNEL)
            times.setdefault(name, []).append(event["dur"] * 1e-6)
            last[name] = event["args"]
    # The first run allocates.
    return [_kernel(name, last[name], float(np.median(seconds[1:] or seconds))) for name, seconds in times.items()]


def _kernel(name: str, args: Mapping[str, Any], seconds: float) -> Kernel:
    moved = sum(float(args.get(key, 0)) for key in ("activation_size", "parameter_size", "output_size"))
    return Kernel(name, args["op_name"], args.get("provider", ""), seconds, _multiply_adds(args), moved)


def _multiply_adds(args: Mapping[str, Any]) -> float:
    """From the shapes that the profiler recorded: weights are (out, in / groups, *kernel), Y is A times B."""
    shapes: list[list[int]] = [next(iter(entry.values()), []) for entry in args.get("input_type_shape", []) if entry]
    outputs: list[list[int]] = [next(iter(entry.values()), []) for entry in args.get("output_type_shape", []) if entry]
    if len(shapes) < 2 or not outputs:
        return 0.0
    first, second, result = shapes[0], shapes[1], math.prod(outputs[0])
    match args["op_name"]:
        case "Conv" | "FusedConv":
            return float(result * math.prod(second[1:]))
        case "ConvTranspose":
            return float(math.prod(first) * math.prod(second[1:]))
        case "Gemm" | "FusedGemm":
            return float(math.sqrt(math.prod(first) * math.prod(second) * result))
        case "MatMul" | "FusedMatMul":
            return float(result * (first[-1] if first else 1))
    return 0.0
