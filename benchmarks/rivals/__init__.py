"""bnfold beside every other tool that simplifies trained networks, on the same files."""
