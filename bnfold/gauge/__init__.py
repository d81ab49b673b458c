"""The solver: which affine operators can go, and what their neighbours become. `solve` is where to start reading.

In the order in which a solve uses them:

asking      `rules`, one function per operator family, state what operators demand of the units around them; `fused`
            keeps what ONNX Runtime computes in one kernel, `relaxed` and `last_resort` offer dearer forms
equations   `units` names the unknowns, and `requirements` writes demands down; `equations`, `forest`, `sums` and
            `linear_system` hold them, find contradictions, and go back
choosing    `search` removes what fits, `groups` and `exchange` do better than greedy, `explain` and `advice` say why
            the rest stays, `precision` withdraws what would cost digits
deciding    `settle` turns what is left free into units; `compose`, `cost` and `leftovers` decide about what stays,
            `into` says where everything went
"""
