"""Let every tool work on every network of the zoo: `python -m benchmarks.rivals.zoo [NAME ...] [--missing]`.

It needs the environment that `make bench` makes. Each tool has a process of its own with limits of time and memory, and
so has the judge. The record is written after every tool, so that a run can be ended and continued with --missing;
docs/rivals-zoo.md is written from it. Counts and errors do not depend on how busy the machine is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.rivals import tools
from benchmarks.rivals.judged import feeds_of
from benchmarks.rivals.zoo.page import write_page
from benchmarks.rivals.zoo.verdict import original, verdict
from benchmarks.tool.measure import FailedRunError, Limits, run
from benchmarks.zoo.run import listed
from bnfold.latency.environment import environment

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[2] / "docs" / "rivals-zoo.md"
EXPORT = (
    "import sys; from pathlib import Path; from benchmarks.zoo.export import exported;"
    " exported(sys.argv[1], Path(sys.argv[2]))"
)


def main() -> None:
    """Run, keep, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals.zoo", description=__doc__)
    parser.add_argument("names", nargs="*", help="networks; all of the list by default, the smallest file first")
    parser.add_argument("--folder", type=Path, default=Path("build/zoo"), help="where exported files are kept")
    parser.add_argument("--missing", action="store_true", help="only tools and networks that have no record yet")
    parser.add_argument("--tools", nargs="*", default=list(tools.NAMES), choices=tools.NAMES, metavar="TOOL")
    parser.add_argument("--seconds", type=float, default=600, help="of processor time that a tool may take")
    parser.add_argument("--gigabytes", type=float, default=8, help="of memory that a tool may take")
    options = parser.parse_args()
    limits = Limits(options.seconds, 10 * options.seconds, 1e9 * options.gigabytes)
    data: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"networks": {}}
    data["limits"] = {"processor": options.seconds, "gigabytes": options.gigabytes}
    for name in options.names or by_size(options.folder):
        old = data["networks"].get(name, {}) if options.missing else {}
        wanted = [tool for tool in options.tools if tool not in old.get("tools", {})]
        for entry in entries(name, options.folder, wanted, data["networks"].get(name, {}), limits):
            data["networks"][name] = entry
            data |= {"environment": environment().to_json(), "versions": tools.versions()}
            RESULTS.write_text(json.dumps(data, indent=1) + "\n")
        print(name, told(data["networks"][name]), flush=True)
    write_page(data, PAGE, len(listed()))


def by_size(folder: Path) -> list[str]:
    """All networks of the list: the smallest file first, and behind them those that are not exported yet."""
    sizes = {name: folder / f"{name.replace(':', '-')}.onnx" for name in listed()}
    return sorted(sizes, key=lambda name: sizes[name].stat().st_size if sizes[name].exists() else float("inf"))


def entries(
    name: str, folder: Path, wanted: list[str], old: dict[str, Any], limits: Limits
) -> Iterator[dict[str, Any]]:
    """The record of a network, once more after every tool; a network that cannot be judged says why."""
    if not wanted:
        return
    stem = folder / name.replace(":", "-")
    try:
        if not stem.with_name(f"{stem.name}.json").exists():
            run([sys.executable, "-c", EXPORT, name, str(folder)], limits)
        notes = json.loads(stem.with_name(f"{stem.name}.json").read_text())
        with TemporaryDirectory(prefix="rivals-zoo-") as scratch:
            source = Path(scratch, "original.onnx")
            source.symlink_to(stem.with_name(f"{stem.name}.onnx").resolve())
            feeds = feeds_of(source, tuple(notes["input"]))
            judged = original(source, feeds)
            if isinstance(judged, str):
                yield {"skipped": judged}
                return
            counts, expected = judged
            found: dict[str, Any] = {**notes, "original": counts, "tools": dict(old.get("tools", {}))}
            for tool in wanted:
                target = source.with_name("written.onnx")
                if tool == tools.FX:
                    command = [sys.executable, "-m", "benchmarks.rivals.zoo.fused", name, json.dumps(notes["input"])]
                    outcome = tools.written([*command, str(target)], target, limits)
                else:
                    outcome = tools.apply(tool, source, target, limits)
                if outcome.error:
                    found["tools"][tool] = {"status": outcome.kind, "why": outcome.error}
                else:
                    found["tools"][tool] = verdict(source, target, feeds, expected, by_name=tool != tools.FX)
                if outcome.run is not None:
                    found["tools"][tool] |= outcome.run.to_json()
                yield found
    except FailedRunError as error:
        yield {"skipped": tools.named(str(error))}


def told(entry: dict[str, Any]) -> str:
    """One line for whoever waits."""
    if "skipped" in entry:
        return f"skipped: {entry['skipped']}"
    cells = [f"{tool} {found.get('affine', '')} {found['status']}" for tool, found in entry["tools"].items()]
    return f"{entry['original']['affine']}: {', '.join(cells)}"


if __name__ == "__main__":
    main()
