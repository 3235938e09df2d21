"""Discover the files of a folder, and read every format as a table of DuckDB."""
