"""The command `taxiway`: one file per command, named as it is typed."""

from pipeline.cli.app import main

__all__ = ["main"]
