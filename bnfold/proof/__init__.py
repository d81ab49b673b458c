"""A proof for every input: certificates of folds, and an independent checker that shares no code with the solver.

Read `core` first: it is the whole argument, in three files. `rules` are its equations for single operators, `maps` what
operators with constants compute, `reading` how a file is read. `certificate` is the file of claims, `checker` the way
in, `result` what comes out. `issue`, which writes claims down, is the only file that knows the solver's side.
"""
