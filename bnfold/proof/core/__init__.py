"""The argument: what is claimed, what follows from what, and why equal inputs give equal outputs.

**Claim.** For every tensor X of the original: the folded model stores it as X' with X = S * X' + T, S and T per
channel.

**Theorem.** If the inputs of both models have the same names, types and extents, every claim follows from claims about
earlier tensors, and every output is claimed to be stored under its own name with S = 1 and T = 0, then there are
weights, each within half a unit in the last place of the stored ones, with which the folded model computes in real
arithmetic exactly what the original computes, for every input.

**Proof.** By induction along the original's nodes. An input is stored as it is. A claim about a later tensor follows in
one of four ways, each an equation that is sufficient:

1. Affine. The tensor is an affine function of an earlier one (over any number of nodes, or none that is left in the
   folded model), and so is the one that stores it; the two functions agree in the claimed units.
2. Linear. Both are affine functions of what a linear layer makes of an earlier tensor; all weights agree.
3. Region. All that lies between it and an earlier tensor makes one map, which one linear layer computes.
4. Operator. The same operator writes both, and its rule lets the units pass; or both clamp to the same interval.

A subgraph of If or Loop is given and gives original units, so the same induction holds in it, for every turn.
Where a claim does not follow, that is reported with its node, and later steps are still looked at as if it held.

**Reading order.** `units`: claims, and when two numbers count as equal. `equations`: 1 to 3. `walk`: the induction.
Then of `bnfold.proof.rules`, a table of one-line equations, whatever operators your model has (4).

**What else must be right.** `bnfold.proof.maps` says what affine and linear operators compute, and composes them;
`bnfold.proof.reading` how a file is read; numpy computes, and onnx reads files, infers shapes, inlines functions and
evaluates constant expressions.
"""
