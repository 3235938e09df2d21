"""ML Metadata: its store, properties, executions, artifacts and lineage."""
