"""How often a verdict of `bnfold bench` is wrong."""
