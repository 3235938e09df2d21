"""What runs: the pipeline, its settings, components, sources, runners and registry."""
