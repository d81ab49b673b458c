"""What may still be done to a folded model before it is written: another opset, half precision, a simplifier."""
