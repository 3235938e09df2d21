"""The command `taxiway`: one file per command, named as it is typed."""

from pipeline.cli.entry_point import main

__all__ = ["main"]
