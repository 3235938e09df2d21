"""Cut the rows of a source into spans, by times or by the names of files."""
