"""Every error of sizing.

SizingError
 ├─ ToolMissing     the load generator is not installed
 ├─ MachineBusy     others use the machine, so nothing can be measured on it
 ├─ NotServed       no server answers, or it ended
 └─ WrongAnswers    the answers are not those of the model
"""

from __future__ import annotations


class SizingError(Exception):
    """Say what is wrong, where, what was expected, and what to do next.

    Args:
      what: one sentence.
      next_step: what to do now.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what} {next_step}")
        self.what = what
        self.next_step = next_step


class ToolMissing(SizingError):
    """The load generator is not installed."""


class MachineBusy(SizingError):
    """Others use the machine, so nothing can be measured on it."""


class NotServed(SizingError):
    """No server answers, or it ended."""


class WrongAnswers(SizingError):
    """The answers are not those of the model."""
