"""How fast a folded model is on ONNX Runtime, measured against the original.

`bench` measures, `sampler` collects the times, `statistics` judges them, `caveats` doubts them, `results` and `stored`
hold them; `profile` tells where the time of a run goes, `ort_folds` what ONNX Runtime removes without help. Importing
any of these modules imports neither onnxruntime nor torch.
"""
