"""How long the proof for every input takes."""
