"""What runs in the container of a Kubeflow task."""
