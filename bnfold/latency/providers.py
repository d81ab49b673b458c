"""ONNX Runtime's execution providers by the names that users know, and the package that brings each."""

from __future__ import annotations

from dataclasses import dataclass

from bnfold.errors import UsageError


@dataclass(frozen=True)
class Provider:
    """An execution provider.

    Attributes:
        name: on the command line.
        onnxruntime: as ONNX Runtime calls it.
        device: where its tensors live, as ONNX Runtime's IO binding calls it.
        package: what to install for it, as the end of a sentence.
    """

    name: str
    onnxruntime: str
    device: str
    package: str


CPU = Provider("cpu", "CPUExecutionProvider", "cpu", "onnxruntime")
PROVIDERS = {
    provider.name: provider
    for provider in (
        CPU,
        Provider("cuda", "CUDAExecutionProvider", "cuda", "onnxruntime-gpu"),
        Provider("tensorrt", "TensorrtExecutionProvider", "cuda", "onnxruntime-gpu, and TensorRT from NVIDIA"),
        Provider("openvino", "OpenVINOExecutionProvider", "cpu", "onnxruntime-openvino"),
        Provider("migraphx", "MIGraphXExecutionProvider", "cuda", "onnxruntime-migraphx, and ROCm from AMD"),
        Provider("directml", "DmlExecutionProvider", "dml", "onnxruntime-directml, on Windows"),
        Provider("coreml", "CoreMLExecutionProvider", "cpu", "onnxruntime, on macOS"),
        Provider("qnn", "QNNExecutionProvider", "cpu", "onnxruntime-qnn"),
        Provider("dnnl", "DnnlExecutionProvider", "cpu", "an ONNX Runtime built with oneDNN"),
        Provider("xnnpack", "XnnpackExecutionProvider", "cpu", "an ONNX Runtime built with XNNPACK"),
    )
}


def provider(name: str) -> Provider:
    """The provider of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in PROVIDERS:
        raise UsageError(f"There is no provider {name!r}; choose from {', '.join(PROVIDERS)}.")
    return PROVIDERS[name]


def require(wanted: Provider) -> None:
    """Raise if this ONNX Runtime has no such provider; imports onnxruntime.

    Raises:
        UsageError: naming the package that has it.
    """
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if wanted.onnxruntime not in available:
        raise UsageError(
            f"The ONNX Runtime installed here has no {wanted.onnxruntime}, only {', '.join(available)};"
            f" {wanted.name} needs {wanted.package}."
        )
