"""Operators for which `onnx.reference` is inexact, wrong or slow."""

from bnfold.verification.operators.convolution import Conv, ConvTranspose
from bnfold.verification.operators.elementwise import Cast, Erf, LogSoftmax, Softmax
from bnfold.verification.operators.loop import Loop
from bnfold.verification.operators.normalization import LRN, BatchNormalization, TrainingModeError
from bnfold.verification.operators.pooling import AveragePool, GlobalMaxPool, MaxPool
from bnfold.verification.operators.quantization import DequantizeLinear
from bnfold.verification.operators.shaping import Pad, Resize, Upsample

OPERATORS = (
    AveragePool,
    BatchNormalization,
    Cast,
    Conv,
    ConvTranspose,
    DequantizeLinear,
    Erf,
    GlobalMaxPool,
    Loop,
    LogSoftmax,
    LRN,
    MaxPool,
    Pad,
    Resize,
    Softmax,
    Upsample,
)

__all__ = ["OPERATORS", "TrainingModeError"]
