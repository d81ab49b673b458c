"""Affine operators that ONNX Runtime computes in one kernel with their neighbours: taking one out would break that up.

Two shapes are known, found by what they compute and not by names:

- Gelu: x * (1 + erf(x / sqrt(2))) * 0.5 or (x * 0.5) * (1 + erf(x / sqrt(2))), and the latter with the tanh that
  approximates it.
- Layer normalization written out: d / sqrt(mean(d ** 2) + epsilon) * gamma + beta with d = x - mean(x).

In all of them ONNX Runtime looks for every single operator and constant, so the affine ones stay as they are and so do
the units around them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bnfold.affine_operators import elements
from bnfold.network import Network, Node, Tensor
from bnfold.plan import SENTENCES, Code, Reason


def protected(network: Network) -> Mapping[str, Reason]:
    """The affine operators of such kernels, by name, with the reason that the ledger gives."""
    graph = _Graph(network)
    found = {}
    for node in network.nodes:
        parts = (
            _gelu(graph, node) if node.op in ("Erf", "Tanh") else _layer_norm(graph, node) if node.op == "Sqrt" else ()
        )
        for part in parts:
            found[part.name] = Reason(Code.FUSED, f"{SENTENCES[Code.FUSED]}: {node.name}", against=node.name)
    return found


class _Graph:
    def __init__(self, network: Network) -> None:
        self._writer = {y.name: node for node in network.nodes for y in node.outputs if y is not None}
        self._readers: dict[str, list[Node]] = {}
        for node in network.nodes:
            for x in node.inputs:
                if x is not None:
                    self._readers.setdefault(x.name, []).append(node)

    def before(self, node: Node, *ops: str) -> Iterator[Node]:
        """Nodes of these operators that write an input."""
        writers = (self._writer.get(x.name) for x in node.inputs if x is not None)
        return (writer for writer in writers if writer is not None and writer.op in ops)

    def behind(self, node: Node, *ops: str) -> Iterator[Node]:
        """Nodes of these operators that read the output."""
        readers = self._readers.get(_output(node).name, ())
        return (reader for reader in readers if reader.op in ops)


def _output(node: Node) -> Tensor:
    y = node.outputs[0]
    assert y is not None
    return y


def _is_affine(node: Node) -> bool:
    return elements(node) is not None


def _reads(node: Node, tensor: Tensor) -> bool:
    return any(x is not None and x.name == tensor.name for x in node.inputs)


def _gelu(graph: _Graph, bend: Node) -> tuple[Node, ...]:
    """The affine operators around the Erf or Tanh of a Gelu; none if it is no Gelu."""
    inner = [node for node in graph.before(bend, "Div", "Mul") if _is_affine(node)]
    for plus in filter(_is_affine, graph.behind(bend, "Add")):
        for product in graph.behind(plus, "Mul"):
            halved = [node for node in graph.before(product, "Mul") if _is_affine(node)]
            halving = [node for node in graph.behind(product, "Mul") if _is_affine(node)]
            direct = any(_reads(product, x) for node in inner for x in node.inputs if x is not None)
            if inner and halved:
                return (*inner, plus, *halved)
            if bend.op == "Erf" and direct and halving:
                return (*inner, plus, *halving)
    return ()


def _layer_norm(graph: _Graph, root: Node) -> tuple[Node, ...]:
    """The affine operators around the Sqrt of a layer normalization; none if it is none."""
    if not any(graph.before(root, "Add")):
        return ()
    for quotient in graph.behind(root, "Div"):
        if not any(graph.before(quotient, "Sub")):
            continue
        for gamma in filter(_is_affine, graph.behind(quotient, "Mul")):
            for beta in filter(_is_affine, graph.behind(gamma, "Add")):
                return gamma, beta
    return ()
