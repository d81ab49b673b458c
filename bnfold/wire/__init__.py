"""ONNX files without copies of their weights: read as slices of the mapped file, written one tensor at a time.

An ONNX file is one protobuf message, which the usual readers and writers hold in memory two or three times. Only its
weights are treated here; everything else is carried as it is, by onnx itself.
"""

from bnfold.wire.data_files import data_files
from bnfold.wire.fields import WireError
from bnfold.wire.read import read_model, read_skeleton
from bnfold.wire.write import write_model

__all__ = ["WireError", "data_files", "read_model", "read_skeleton", "write_model"]
