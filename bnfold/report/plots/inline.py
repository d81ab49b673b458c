"""Pictures as part of a page: SVG without anything that would touch the rest of it, in the colours of the page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from bnfold.report.plots.style import COLOURS, SETTINGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def inline(figure: Figure, key: str, title: str) -> str:
    """The picture as an `svg` element that a screen reader announces by its title.

    Args:
        figure: what is drawn in the colours of `style`.
        key: tells the ids of this picture from those of others on the page.
        title: what the picture shows, in a sentence.
    """
    import matplotlib as mpl

    target = io.StringIO()
    with mpl.rc_context({**SETTINGS, "svg.fonttype": "none", "svg.hashsalt": key, "path.simplify_threshold": 0.5}):
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(target.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            # matplotlib's style element would hold for the whole page.
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    _own_ids(root, key)
    _page_colours(root)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-labelledby": f"{key}-title"}
    named = ElementTree.Element(f"{{{SVG}}}title", {"id": f"{key}-title"})
    named.text = title
    root.insert(0, named)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", LINK)
    return ElementTree.tostring(root, encoding="unicode")


def _own_ids(root: ElementTree.Element, key: str) -> None:
    used = set(re.findall(r"#([\w.-]+)", ElementTree.tostring(root, encoding="unicode")))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", f"{key}-{name}")
        for attribute, value in element.attrib.items():
            if attribute == f"{{{LINK}}}href":
                element.set(attribute, value.replace("#", f"#{key}-", 1))
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{key}-"))


def _page_colours(root: ElementTree.Element) -> None:
    """Let the page say what a colour is, so that it fits a light and a dark one."""
    for element in root.iter():
        style = element.get("style")
        if style is not None:
            for meaning, colour in COLOURS.items():
                style = style.replace(colour, f"var(--{meaning})")
            element.set("style", style)
