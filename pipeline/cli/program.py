"""The program's name as the user types it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def name() -> str:
    """Return the command's name where the shell finds it, else its path."""
    if shutil.which("taxiway"):
        return "taxiway"
    installed = Path(sys.executable).with_name("taxiway")
    here = Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)


def as_typed(next_step: str) -> str:
    """Return a next step whose command can be typed here.

    Args:
      next_step: imperative for the user; a command starts with `taxiway`.
    """
    first, _, rest = next_step.partition(" ")
    return f"{name()} {rest}" if first == "taxiway" else next_step
