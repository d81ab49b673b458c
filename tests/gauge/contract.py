"""What a fold must satisfy: the same function, a valid model, nothing touched that it had no reason to touch."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort

from bnfold.affine_operators import elements
from bnfold.gauge.cost import elements as elements_of
from bnfold.graph.facts import Facts, read_facts
from bnfold.memory import KEY
from bnfold.objective import Objective
from tests.networks import Folded, Net, disagreement, fold


def check(net: Net, outputs: Sequence[str], objective: Objective = Objective.LATENCY) -> Folded:
    """Fold, and assert all that must hold; 1e-10 is far above float64 noise and far below any wrong rule."""
    model = net.model(*outputs)
    onnx.checker.check_model(model, full_check=True)
    folded = fold(model, objective=objective)
    for seed in (1, 2):
        assert disagreement(folded, net.feeds(seed)) <= 1e-10
    assert_valid(model, folded, net.feeds())
    assert_interface(folded)
    assert_counted(folded)
    if objective is Objective.LATENCY and not net.dynamic:
        assert work(read_facts(folded.rounded)) <= work(read_facts(folded.prepared))
    assert_finished(folded, objective)
    return folded


def work(facts: Facts) -> int:
    """Elements that operators write which no layer takes in: the bias of a MatMul is an Add."""
    layers = ("Conv", "ConvTranspose", "Gemm", "MatMul")
    return sum(
        elements_of(y)
        for node in facts.network.nodes
        if node.op not in layers or (node.op == "MatMul" and node.input(2) is not None)
        for y in node.outputs
        if y is not None and y.shape is not None
    )


def assert_valid(model: onnx.ModelProto, folded: Folded, feeds: dict[str, np.ndarray]) -> None:
    proto = ir.to_proto(folded.rounded)
    onnx.checker.check_model(proto, full_check=True)
    try:
        expected = runtime(model, feeds)
    except Exception:  # ONNX Runtime has no kernel for some valid operators; the fold need not add one
        return
    for before, after in zip(expected, runtime(proto, feeds), strict=True):
        assert before.shape == after.shape
        assert before.dtype == after.dtype


def runtime(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def assert_interface(folded: Folded) -> None:
    before, after = ir.to_proto(folded.original), ir.to_proto(folded.rounded)
    assert list(after.graph.input) == list(before.graph.input)
    assert list(after.graph.output) == list(before.graph.output)
    assert [entry for entry in after.metadata_props if entry.key != KEY] == list(before.metadata_props)
    assert list(after.opset_import) == list(before.opset_import)


def assert_counted(folded: Folded) -> None:
    """Removed ones are gone; of those that stay, one between two axes of units may get a constant along both."""
    facts = read_facts(folded.rounded)
    stay = [node for node in facts.network.nodes if node.name in folded.kept]
    spread = [node for node in stay if elements(node) is None]
    after = facts.affine_counts()
    assert sum(after) + len(spread) == len(folded.kept)


def assert_finished(folded: Folded, objective: Objective = Objective.LATENCY) -> None:
    """A second fold removes nothing, changes no bit, and knows what only the first one could find out."""
    again = fold(ir.to_proto(folded.rounded), objective=objective)
    assert again.plan.removed == ()
    assert again.plan.remembered == folded.plan.remembered
    reasons = {decision.node: decision.reason for decision in again.plan.decisions}
    assert folded.plan.remembered.items() <= reasons.items()
    assert initializers(again.rounded) == initializers(folded.rounded)


def initializers(model: ir.Model) -> dict[str, tuple]:
    return {
        name: (value.const_value.dtype, tuple(value.const_value.shape), value.const_value.tobytes())
        for name, value in model.graph.initializers.items()
    }
