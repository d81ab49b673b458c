"""Pictures of outputs and weights show the numbers they are given."""

from xml.etree import ElementTree

import pytest

from bnfold.report.plots.inline import inline
from bnfold.report.plots.outputs import scatter, ulp_histogram
from bnfold.report.plots.style import COLOURS
from bnfold.report.plots.weights import ranges


def test_bars_are_shares() -> None:
    (axes,) = ulp_histogram({"0": 30, "1": 50, ">1024": 20}).axes
    assert [bar.get_height() for bar in axes.patches] == [30.0, 50.0, 20.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", ">1024"]


def test_points_and_differences() -> None:
    pairs = [(0.5, 0.5), (-1.0, -1.0 + 1e-6)]
    above, below = scatter(pairs).axes
    assert list(zip(*above.lines[1].get_data(), strict=True)) == pairs
    assert below.lines[1].get_ydata() == pytest.approx([0.0, 1e-6], rel=1e-6)


def test_equal_outputs_still_make_a_picture() -> None:
    scatter([(0.0, 0.0)])


def test_bands_span_the_channels_and_dead_ones_are_left_out() -> None:
    (axes,) = ranges([(0, (0.0, 1.0, 4.0))], [(0, (2.0, 3.0)), (1, (0.0,))], layers=["a", "b"]).axes
    spans = [segment[:, 1].tolist() for band in axes.collections for segment in band.get_segments()]
    assert spans == [[1.0, 4.0], [2.0, 3.0]]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[2.5], [2.5]]


def test_a_picture_in_a_page_keeps_to_itself() -> None:
    one, two = (inline(ulp_histogram({"0": 1, "1": 2}), key, "What <it> shows") for key in ("one", "two"))
    ids = [{e.get("id") for e in ElementTree.fromstring(text).iter() if e.get("id")} for text in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text in (one, two):
        assert "<style" not in text
        assert "<metadata" not in text
        assert "<title" in text
        assert "What &lt;it&gt; shows" in text
        assert not any(colour in text for colour in COLOURS.values()), "a colour does not follow the page"
