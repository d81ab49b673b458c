"""Basis of the cost model: `python -m benchmarks.merge.basis` times single regions before and after they are merged.

Each region stands between convolutions with ReLUs, as in a network, and is repeated, so that its share is large. Writes
basis.json and BASIS.md; `--seconds` is per region and number of threads.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bnfold.latency.bench import bench
from bnfold.latency.environment import environment
from bnfold.pipeline import fold

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "basis.json", HERE / "BASIS.md"
REPEATS = 4
HEAD = """# Single regions before and after merging

`python -m benchmarks.merge.basis` wrote this page. Paired median ratio with its 95 % interval, ONNX Runtime's CPU
provider at its full optimization level; above 1 the merged region is faster. {machine}.

| region | channels, extent | threads | merged regions | ratio |
|---|---|---|---|---|
"""


@dataclass
class Graph:
    """A network under construction; all convolutions keep the extents."""

    channels: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(0)

    def constant(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        value = self._random.normal(size=shape).astype(np.float32) / np.sqrt(np.prod(shape[1:]) or 1)
        self.weights.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{op}{len(self.nodes)}", **attributes))
        return output

    def conv(self, x: str, kernel: tuple[int, int], group: int = 1) -> str:
        c, (h, w) = self.channels, kernel
        pads = [h // 2, w // 2, h // 2, w // 2]
        return self.node("Conv", x, self.constant(c, c // group, h, w), self.constant(c), group=group, pads=pads)

    def pool(self, x: str) -> str:
        window = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}
        return self.node("AveragePool", x, **window)

    def scaled(self, x: str) -> str:
        return self.node("Mul", x, self.constant(self.channels, 1, 1))

    def add(self, *xs: str) -> str:
        total, *others = xs
        for other in others:
            total = self.node("Add", total, other)
        return total


Region = Callable[[Graph, str], str]
REGIONS: dict[str, Region] = {
    "3x3 + 1x1": lambda g, x: g.add(g.conv(x, (3, 3)), g.conv(x, (1, 1))),
    "3x3 + identity": lambda g, x: g.add(g.conv(x, (3, 3)), x),
    "1x1 + identity": lambda g, x: g.add(g.conv(x, (1, 1)), x),
    "3x3 + average pool 3x3": lambda g, x: g.add(g.conv(x, (3, 3)), g.pool(x)),
    "3x3 + depthwise 3x3": lambda g, x: g.add(g.conv(x, (3, 3)), g.conv(x, (3, 3), g.channels)),
    "depthwise 3x3 + identity": lambda g, x: g.add(g.conv(x, (3, 3), g.channels), x),
    "depthwise 3x3 + depthwise 1x1": lambda g, x: g.add(g.conv(x, (3, 3), g.channels), g.conv(x, (1, 1), g.channels)),
    "depthwise 5x5 + depthwise 3x3": lambda g, x: g.add(g.conv(x, (5, 5), g.channels), g.conv(x, (3, 3), g.channels)),
    "depthwise 7x7 + depthwise 3x3 + identity": lambda g, x: g.add(
        g.conv(x, (7, 7), g.channels), g.conv(x, (3, 3), g.channels), x
    ),
    "depthwise 1x1 + identity": lambda g, x: g.add(g.conv(x, (1, 1), g.channels), x),
    "depthwise 3x3 + average pool 3x3": lambda g, x: g.add(g.conv(x, (3, 3), g.channels), g.pool(x)),
    "3x3 in 4 groups + identity": lambda g, x: g.add(g.conv(x, (3, 3), 4), x),
    "3x3 in 4 groups + 1x1 in 2 groups": lambda g, x: g.add(g.conv(x, (3, 3), 4), g.conv(x, (1, 1), 2)),
    "3x3 in groups of 4 channels + identity": lambda g, x: g.add(g.conv(x, (3, 3), g.channels // 4), x),
    "3x3 + 3x1 + 1x3": lambda g, x: g.add(g.conv(x, (3, 3)), g.conv(x, (3, 1)), g.conv(x, (1, 3))),
    "scale, 3x3": lambda g, x: g.conv(g.scaled(x), (3, 3)),
    "depthwise 1x1, 1x1": lambda g, x: g.conv(g.conv(x, (1, 1), g.channels), (1, 1)),
    "1x1, 1x1": lambda g, x: g.conv(g.conv(x, (1, 1)), (1, 1)),
    "x + scale * (depthwise 3x3 - scale * x)": lambda g, x: g.add(
        x, g.scaled(g.node("Sub", g.conv(x, (3, 3), g.channels), g.scaled(x)))
    ),
}
SHAPES = ((32, 56), (192, 14))


def network(region: Region, channels: int, extent: int) -> onnx.ModelProto:
    """Convolution, ReLU, region, ReLU, several times."""
    graph, x = Graph(channels), "x"
    for _ in range(REPEATS):
        x = graph.node("Relu", graph.conv(x, (1, 1)))
        x = graph.node("Relu", region(graph, x))
    shape = [1, channels, extent, extent]
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("x", x)]
    made = helper.make_graph(graph.nodes, "region", ends[:1], ends[1:], graph.weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def measured(name: str, channels: int, extent: int, threads: int, seconds: float) -> dict[str, Any]:
    """The paired ratio of one region, split / merged."""
    with TemporaryDirectory() as folder:
        given, split, merged = (Path(folder, f"{kind}.onnx") for kind in ("given", "split", "merged"))
        onnx.save(network(REGIONS[name], channels, extent), given)
        fold(given, output=split, merge=False, verify=False)
        merges = fold(given, output=merged, verify=False).report.merging.merges
        feeds = {"x": np.random.default_rng(0).standard_normal((1, channels, extent, extent)).astype(np.float32)}
        result = bench([split, merged], [feeds], levels=("all",), threads=[threads], seconds=seconds)
    speedup = result.comparisons[0].run.to_json()["speedup"]
    return {
        "region": name,
        "channels": channels,
        "extent": extent,
        "threads": threads,
        "merges": len(merges),
        "speedup": speedup,
    }


def page(data: dict[str, Any]) -> str:
    """Markdown of all records."""
    machine = data["environment"]
    text = HEAD.format(machine=f"{machine['cpu']}, {machine['usable_cores']} cores")
    for record in data["regions"]:
        ratio = "{value:.2f}x [{low:.2f}, {high:.2f}]".format(**record["speedup"])
        shape = f"{record['channels']}, {record['extent']}x{record['extent']}"
        text += f"| {record['region']} | {shape} | {record['threads']} | {record['merges']} of {REPEATS} | {ratio} |\n"
    return text


def main() -> None:
    """Measure all regions, or those whose names hold a word of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.merge.basis", description=__doc__)
    parser.add_argument("words", nargs="*", default=[""])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    records = []
    for name in (name for name in REGIONS if any(word in name for word in options.words)):
        for channels, extent in SHAPES:
            for threads in options.threads:
                records.append(measured(name, channels, extent, threads, options.seconds))
                print(json.dumps(records[-1]), flush=True)
    data = {"environment": environment().to_json(), "regions": records}
    RESULTS.write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page(data))


if __name__ == "__main__":
    main()
