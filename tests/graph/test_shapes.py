"""Shapes that only a run tells are not guessed."""

import onnx
import onnx_ir as ir
import pytest

from bnfold.graph.shapes import UNKNOWN, infer_shapes

PLAIN = "a, z = Split <axis = 1> (x, sizes)"
IN_A_BODY = """
z = If (c) <
    then_branch = yes () => (float[1, k, 4, 4] p) { a, p = Split <axis = 1> (x, sizes) },
    else_branch = no () => (float[1, k, 4, 4] q) { q = Identity (x) }
>
"""


def extent(nodes: str, sizes: str) -> object:
    """Channels of the first part of a Split, as inferred."""
    text = f"""<ir_version: 8, opset_import: ["" : 17]>
    net (float[1, 4, 4, 4] x, bool c{sizes} {{ {nodes} }}"""
    known = infer_shapes(ir.from_proto(onnx.parser.parse_model(text))).get("a", UNKNOWN)
    return None if known.shape is None else known.shape[1]


RESULT = "=> (float[1, k, 4, 4] z)"


def test_parts_of_a_split_that_are_told() -> None:
    assert extent(PLAIN, f") {RESULT} <int64[2] sizes = {{1, 3}}>") == 1


@pytest.mark.parametrize("nodes", [PLAIN, IN_A_BODY])
def test_parts_of_a_split_that_the_caller_tells(nodes: str) -> None:
    assert extent(nodes, f", int64[2] sizes) {RESULT}") is None
