"""What rules demand is what users read of the nodes in the way."""

import onnx_ir as ir

from bnfold.gauge.rules import read
from bnfold.graph.facts import read_facts
from tests.graph.detectors import DETECTORS
from tests.networks import Net


def test_every_demand_says_what_its_node_does():
    for build in DETECTORS.values():
        net = Net()
        y = build(net)
        units = read(read_facts(ir.from_proto(net.model(y))).network)
        assert units.demands
        for demand in units.demands:
            assert len(demand.text.split()) > 1
            assert demand.node
