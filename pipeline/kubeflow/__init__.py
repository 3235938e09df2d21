"""The pipeline on Kubeflow Pipelines: compiled to a package, with one task per node."""
