"""A proof for every input: certificates of folds, and an independent checker that shares no code with the solver.

Read `checker` first: it is the whole argument. Its three ways with numbers in them are `equations` over `forms` (affine
maps), `layers` (a layer with constant weights) and `regions` (many layers in one, as `composed` maps); the last is
`operators`, a table of one-line equations in `elementwise`, `shaping`, `movement`, `windows` and
`clamps`. Everything else is how
a file is read (`network`, `stored`, `expressions`, `bodies`, `layout`) and how claims are written down (`certificate`).
"""
