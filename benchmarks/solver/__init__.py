"""How long the solver takes, and how that grows with the network."""
