"""Folds for targets without batch normalization, and what is asked about them."""

from bnfold.objective import Objective
from bnfold.plan import Code
from tests.gauge.contract import check
from tests.networks import Folded, Net, disagreement, fold

VALID = [0, 0, 0, 0]


def eliminated(net: Net, y: str) -> Folded:
    return check(net, [y], Objective.ELIMINATE)


def operators(folded: Folded) -> list[str]:
    return [node.op_type for node in folded.rounded.graph]


def kept_code(folded: Folded, node: str) -> Code:
    reason = folded.decision(node).reason
    assert reason is not None
    return reason.code


def of_unknown_length(net: Net, y: str) -> Folded:
    """The same where the first two extents of inputs and outputs are not known."""
    model = net.model(y)
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in enumerate(("batch", "length")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    folded = fold(model, objective=Objective.ELIMINATE)
    assert disagreement(folded, net.feeds()) < 1e-10
    return folded
