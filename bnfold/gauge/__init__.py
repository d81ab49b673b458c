"""Facts about a network as equations between the units of its tensors, and their solution as a Plan."""
