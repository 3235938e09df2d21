"""The entry point of `taxiway`: Ctrl-C ends it with one line, also while it imports its commands.

It imports as little as possible itself, because Python prints a traceback for a Ctrl-C outside of
the guard.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing takes milliseconds to import
if TYPE_CHECKING:
    from typing import NoReturn


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit; a traceback goes to a log, never to the terminal.

    Args:
      arguments: command-line arguments after the program's name; default those of this process.

    Raises:
      SystemExit: always, with the exit code of the command.
    """
    args = sys.argv[1:] if arguments is None else arguments
    try:
        _run(args)
    except KeyboardInterrupt:
        from pipeline.cli import interruption

        interruption.ignore()
        from pipeline.cli import failures

        failures.stop_interrupted(args, "--json" in args)


def _run(args: list[str]) -> NoReturn:
    from pipeline.cli import interruption

    interruption.watch()
    try:
        from pipeline.cli import app

        app.run_command(args)
    finally:
        interruption.end_quietly()
