"""What the local runner and the Kubeflow container share."""
