"""All cases, one file per idea."""

from benchmarks.conformance.case import Case, collect
from benchmarks.conformance.cases import (
    activations,
    bodies,
    channels,
    constants,
    eliminate,
    linear_after,
    linear_before,
    movement,
    opsets,
    padding,
    pooling,
    quantized,
    streams,
    traps,
    types,
)

MODULES = (
    linear_after,
    linear_before,
    activations,
    pooling,
    padding,
    movement,
    streams,
    constants,
    quantized,
    bodies,
    opsets,
    types,
    channels,
    traps,
    eliminate,
)
CASES: list[Case] = collect(module.case for module in MODULES)
