"""A proof for every input: certificates of folds, and an independent checker that shares no code with the solver."""
