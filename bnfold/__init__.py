"""Fold batch normalization out of trained convolutional networks."""
