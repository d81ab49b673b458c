"""Time and memory that every tool takes, by size of the model."""
