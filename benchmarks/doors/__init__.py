"""PyTorch models of real libraries through the command, in every form: see `__main__`."""
