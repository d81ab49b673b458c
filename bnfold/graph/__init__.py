"""Reading facts from an ONNX graph, and carrying a Plan out on it."""
