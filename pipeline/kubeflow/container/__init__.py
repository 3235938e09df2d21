"""The code that runs in the container of a Kubeflow task."""
