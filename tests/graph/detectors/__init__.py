"""A few networks, each on the edge of one side condition: with that condition left out they compute something else."""

from tests.graph.detectors import activations, arithmetic, axes, dead, kept, layers, movement, pooling  # noqa: F401
from tests.graph.detectors.parts import DETECTORS

__all__ = ["DETECTORS"]
