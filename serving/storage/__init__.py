"""Files of versions: copies, digests and atomic writes."""
