"""Compile a pipeline to a Kubeflow Pipelines package."""
