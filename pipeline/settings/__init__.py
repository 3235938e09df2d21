"""The settings file, typed and frozen, one section per file."""
