"""Bring a model into the form that facts are read from; what it computes and its interface stay."""

from __future__ import annotations

import onnx_ir as ir

from bnfold.graph.bodies import name_apart
from bnfold.graph.constants import evaluate_constants
from bnfold.graph.functions import inline_functions


def prepare(model: ir.Model) -> int:
    """Inline functions with something to fold and evaluate constant expressions, in place.

    Returns:
        How many calls of model-local functions were inlined.
    """
    inlined = inline_functions(model)
    name_apart(model)
    evaluate_constants(model)
    return inlined
