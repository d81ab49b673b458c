"""Pictures, drawn by matplotlib: one kind a file, each a function from plain numbers to a Figure."""
