"""Export of a published version to ONNX."""
