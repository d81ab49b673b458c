"""How fast a folded model is on ONNX Runtime, measured against the original.

`bench` measures, `sampler` collects the times, `statistics` judges them, `ort_folds` tells what ONNX Runtime
removes without help. Importing any of these modules imports neither onnxruntime nor torch.
"""
