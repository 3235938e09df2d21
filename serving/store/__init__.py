"""The version store: numbered SavedModels, manifests, aliases and models.config."""
