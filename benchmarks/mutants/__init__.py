"""Small changes to the rules and the metrics, each of which some test should notice."""
