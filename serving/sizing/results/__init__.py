"""Results of a sizing: figures, recommendation and files."""
