"""What the command costs: time and memory, against other tools and against loading and saving alone."""
