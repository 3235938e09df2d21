"""The schema that SchemaGen proposes, compared with the curated one."""
