"""How long a PyTorch module takes to become ONNX, against torch.onnx.export."""
