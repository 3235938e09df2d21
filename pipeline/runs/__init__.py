"""Records of finished runs and progress of running ones."""
