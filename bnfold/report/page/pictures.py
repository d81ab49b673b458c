"""The pictures of a page, each with the sentence that a reader who cannot see it gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from bnfold.report.content.table import Data, error, plural
from bnfold.report.content.weights import layers
from bnfold.report.plots.growth import growth
from bnfold.report.plots.inline import inline
from bnfold.report.plots.latency import SpeedUp, Times, distributions, speed_ups
from bnfold.report.plots.outputs import scatter, ulp_histogram
from bnfold.report.plots.weights import ranges
from bnfold.verification.trace import Site

OUTPUTS = 4
"""Of models with more outputs, the first are drawn."""


@dataclass(frozen=True)
class Picture:
    """An `svg` element and what stands below it."""

    svg: str
    caption: str
    wide: bool = False


def of_proof(found: Data) -> Iterator[Picture]:
    """Error against depth, and for every output the ulp histogram and the scatter."""
    if found["sites"]:
        yield _growth(found)
    for number, output in enumerate(found["outputs"][:OUTPUTS]):
        name = output["output"]
        if any(output["ulp"].values()):
            total = sum(output["ulp"].values())
            same = output["ulp"].get("0", 0) / total
            told = (
                f"{name}: how many representable numbers lie between the two models; {same:.0%} of "
                f"{plural(total, 'element')} are bit for bit the same."
            )
            yield Picture(inline(ulp_histogram(output["ulp"]), f"ulp{number}", told), told)
        pairs = [(x, y) for x, y in output.get("pairs", ())]
        if pairs:
            told = (
                f"{name}: {plural(len(pairs), 'value')} of all batches, as shares of the largest of their batch; "
                "above, the folded model over the original, and below, the difference."
            )
            yield Picture(inline(scatter(pairs), f"scatter{number}", told), told)


def _growth(found: Data) -> Picture:
    sites = [_site(item) for item in found["sites"]]
    blame = found["blame"]
    guilty = None if blame is None else next(s for s in sites if s.tensor == blame["site"]["tensor"])
    beyond = sum(not site.holds for site in sites)
    worst = max(sites, key=lambda site: site.error)
    told = (
        f"Error of {plural(len(sites), 'tensor')} from the input to the output, in float64: the largest is "
        f"{error(None if worst.error == inf else worst.error)}; {beyond or 'none'} lie{'s' if beyond <= 1 else ''} "
        "beyond what the rounding of weights explains."
    )
    return Picture(inline(growth(sites, guilty), "growth", told), told, wide=True)


def _site(item: Data) -> Site:
    return Site(
        item["tensor"],
        item["stored"],
        item["node"],
        inf if item["error"] is None else item["error"],
        inf if item["direct"] is None else item["direct"],
        item["bound"],
        item["channel"],
    )


def of_latency(bench: Data) -> Iterator[Picture]:
    """How run times spread, and the speed-ups."""
    times = [_times(item) for item in bench["contestants"]]
    if times:
        kind = "runs" if "runs" in bench["contestants"][0] else "medians of blocks of runs"
        told = (
            f"Run times per file and optimization level: the density of the fastest 95 % of {kind}, their middle half, "
            "and the median of all runs."
        )
        yield Picture(inline(distributions(times), "times", told), told)
    found = [_speed_up(item) for item in bench["comparisons"]]
    if found:
        said = "; ".join(f"{f.name} at level {f.level} {f.value:.2f} [{f.low:.2f}, {f.high:.2f}]" for f in found)
        told = f"Speed-up with its 95 % interval: {said}. Grey is the reference against itself: what noise alone shows."
        yield Picture(inline(speed_ups(found), "speed", told), told)


def _times(item: Data) -> Times:
    run = item["run"]
    runs = [second for block in item["runs"] for second in block] if "runs" in item else item["block_medians"]
    return Times(item["name"], item["setting"]["level"], run["min"], run["p50"], run["p90"], runs)


def _speed_up(item: Data) -> SpeedUp:
    run, noise = item["run"]["speedup"], item["run"]["control"]
    ratio, interval = (run["value"], run["low"], run["high"]), (noise["low"], noise["high"])
    return SpeedUp(item["candidate"], item["setting"]["level"], *ratio, interval, item["run"]["verdict"])


def of_weights(details: Data) -> Iterator[Picture]:
    """Per-channel ranges along the network."""
    before, after = (layers(details[side]["weights"]) for side in ("before", "after"))
    if not before and not after:
        return
    order = [node["name"] for node in details["before"]["nodes"]] + [node["name"] for node in details["after"]["nodes"]]
    names = sorted({layer.node for layer in (*before, *after)}, key=order.index)
    place = {name: number for number, name in enumerate(names)}
    told = (
        f"Largest absolute weight of every output channel in {plural(len(names), 'layer')}, before and after: the bar "
        "spans all channels of a layer, the dot is the median channel."
    )
    figure = ranges(
        [(place[layer.node] - 0.15, layer.largest) for layer in before],
        [(place[layer.node] + 0.15, layer.largest) for layer in after],
        layers=names,
    )
    yield Picture(inline(figure, "ranges", told), told, wide=True)
