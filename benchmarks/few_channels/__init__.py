"""What to do with a batch normalization that refuses in a few channels only: exact forms against each other."""
