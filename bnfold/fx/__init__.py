"""The second door: fold an `nn.Module` through torch.fx with the same rules and solver. Needs torch.

`fold_module(model, (images,))` returns a module without the batch normalizations, and the Plan;
`module_difference(model, folded, (images,))` compares the two in float64.
"""

from bnfold.fx.fold import fold_module, module_difference

__all__ = ["fold_module", "module_difference"]
