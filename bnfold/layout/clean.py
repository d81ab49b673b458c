"""Take redundant layout operators out of a model, so that one converted from another framework is like a native one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import onnx_ir as ir

from bnfold.graph.bodies import remove_unused
from bnfold.graph.shapes import infer_shapes
from bnfold.layout.noops import CANDIDATES, follows_its_like, remove_noops, remove_round_trips
from bnfold.layout.regions import change_layouts
from bnfold.layout.view import View, Views


def clean_layout(model: ir.Model) -> Mapping[str, View]:
    """Remove operators that change nothing and Transposes that undo each other, in place; bodies stay as they are.

    Args:
        model: the model, constant expressions evaluated.

    Returns:
        By the name of every tensor that is gone, where it is found; what lay between operators that undo each other is
        nowhere.
    """
    views = Views()
    if any(node.op_type in CANDIDATES for node in model.graph):
        known = infer_shapes(model)
        remove_noops(model, known, views)
        while change_layouts(model, known, views):
            remove_noops(model, known, views)
        remove_unused(model)
    return views.result()


def close_ranks(model: ir.Model) -> Mapping[str, View]:
    """Remove, in place, operators that undo each other now that nothing lies between them any more.

    Args:
        model: the model, affine operators removed.

    Returns:
        By the name of every tensor that is gone and still exists under another, where it is found.
    """
    views = Views()
    if any(follows_its_like(node) for node in model.graph):
        remove_round_trips(model, infer_shapes(model), views)
        remove_unused(model)
    return views.result()


def layout_operators(model: ir.Model) -> Counter[str]:
    """How many operators of each kind in the main graph only move or name data."""
    return Counter(
        node.op_type for node in model.graph if node.op_type in CANDIDATES and node.domain in ("", "ai.onnx")
    )
