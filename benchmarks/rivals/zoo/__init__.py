"""Every tool on every network of the zoo: what it leaves, and whether the result is right."""
