"""The model registry: published versions, indexed in ML Metadata."""
