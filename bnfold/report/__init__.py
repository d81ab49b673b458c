"""Reports: the data that a run produced, and what a terminal shows of it."""
