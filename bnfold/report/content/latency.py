"""Latency, load time and size of both models."""

from __future__ import annotations

from bnfold.latency.setting import Setting
from bnfold.report.content.table import Data, Name, Table, plural, table


def times(bench: Data) -> Table | None:
    """A row per file and optimization level."""
    compared = {(item["setting"]["level"], item["candidate"]): item["run"] for item in bench["comparisons"]}
    rows = []
    for item in bench["contestants"]:
        run, load = item["run"], item["load"]
        level = item["setting"]["level"]
        found = compared.get((level, item["name"]))
        speed = ("", "reference")
        if found is not None:
            ratio = found["speedup"]
            speed = (f"{ratio['value']:.2f}× [{ratio['low']:.2f}, {ratio['high']:.2f}]", found["verdict"])
        rows.append(
            (
                level,
                Name(item["name"]),
                f"{run['p50'] * 1e3:.3f}",
                f"{run['p90'] * 1e3:.3f}",
                f"{run['n']:,}",
                *speed,
                f"{load['p50'] * 1e3:.1f}",
                f"{item['size_bytes'] / 1e6:.2f}",
            )
        )
    headings = (
        "optimized",
        "model",
        "p50, ms",
        "p90, ms",
        "runs",
        "speed-up [95 %]",
        "verdict",
        "load, ms",
        "size, MB",
    )
    return table(headings, rows, [2, 3, 4, 5, 7, 8])


def circumstances(bench: Data) -> list[str]:
    """Where it was measured, and what ONNX Runtime does by itself."""
    told = []
    if bench["contestants"]:
        conditions = Setting.from_json(bench["contestants"][0]["setting"]).conditions
        told.append(f"Measured on ONNX Runtime, {conditions}, on {bench['environment']['cpu']}.")
    left = bench.get("left_by_onnxruntime")
    if left is not None:
        told.append(
            f"ONNX Runtime by itself leaves {plural(left, 'affine operator')} of the original when it loads it."
        )
    return told
