"""The one console that tables and progress are printed on."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

# Columns of a table that is printed into a pipe or a file.
_PIPED_WIDTH = 200


def open_console(
    stream: TextIO | None = None, *, stderr: bool = False, soft_wrap: bool = False
) -> Console:
    """Return a console that prints text as it is, without highlighting.

    Args:
      stream: the terminal or pipe to print on; default standard output.
      stderr: whether to print on standard error; default False.
      soft_wrap: whether long lines stay one line; default False.
    """
    console = Console(file=stream, stderr=stderr, highlight=False, soft_wrap=soft_wrap)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console
