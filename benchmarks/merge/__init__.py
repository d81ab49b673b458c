"""Merging against timm's class-specific re-parameterization: operators left, and latency on ONNX Runtime."""
