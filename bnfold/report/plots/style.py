"""What all pictures look like, and how they become files.

The background is transparent and every colour a middle tone, so a picture can stand on a white and on a dark page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bnfold.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".svg", ".png", ".pdf")
INK, BEFORE, AFTER, BOUND, BAD = "#7d8590", "#9a7fd1", "#2f81f7", "#3fb950", "#f85149"
COLOURS = {"ink": INK, "before": BEFORE, "after": AFTER, "bound": BOUND, "bad": BAD}
"""Every colour that a picture may use, by its meaning."""

HALF, WHOLE = 4.6, 9.6
"""Widths in inches: of one of two pictures side by side on a page, and of one across it."""

SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "svg.hashsalt": "bnfold",
}


def check(path: Path, option: str = "--plot") -> None:
    """Raise before any work is done if the picture cannot be drawn.

    Raises:
        UsageError: the ending names no kind of picture.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{option} {path} must end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError("Drawing", "plot") from None
    del mpl


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of so many inches, while whose block the settings of all pictures hold."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(SETTINGS):
        yield Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write a picture; the ending of `path` decides its format.

    Raises:
        UsageError: the file cannot be written.
    """
    import matplotlib as mpl

    metadata: Any = {"Date": None} if path.suffix.lower() == ".svg" else None
    try:
        with mpl.rc_context(SETTINGS):
            figure.savefig(path, transparent=True, dpi=160, metadata=metadata)
    except OSError as error:
        raise UsageError(f"The picture cannot be written to {path}: {error.strerror}.") from None


def quiet(axes: Axes, *, grid: Literal["x", "y"] = "y") -> None:
    """No tick marks, and thin lines across for reading values along one axis."""
    axes.grid(axis=grid, color=INK, alpha=0.18, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Label the rows 0, 1, 2 ... of a picture; a `$` in a name is no mathematics."""
    axes.set_yticks(range(len(names)), list(names), parse_math=False)


def name_ends(axes: Axes, names: Sequence[str]) -> None:
    """Label the first and the last of the columns 0, 1, 2 ... of a picture."""
    ends = sorted({0, len(names) - 1})
    axes.set_xticks(ends, [names[end] for end in ends], parse_math=False)
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=False):
        label.set(horizontalalignment=side)
