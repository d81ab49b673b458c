"""How a model is read: nodes, shapes, constants, subgraphs and calls of an ONNX file, and what operators move where.

It reads both models alike, and knows nothing of claims.
"""
