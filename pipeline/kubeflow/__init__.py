"""The pipeline on Kubeflow Pipelines: compiled to a package, and run there node by node."""
