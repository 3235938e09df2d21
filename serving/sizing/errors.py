"""Every error of sizing.

SizingError
 ├─ ToolMissing     the load generator is not installed
 ├─ MachineBusy     other processes use the machine, so figures would not be reliable
 ├─ NotServed       no server answers, or it ended
 └─ WrongAnswers    the answers are not those of the model
"""

from __future__ import annotations


class SizingError(Exception):
    """An error of a sizing: the problem and the next step.

    Args:
      what: problem, as one sentence.
      next_step: next step, as an imperative.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what} {next_step}")
        self.what = what
        self.next_step = next_step


class ToolMissing(SizingError):
    """The load generator is not installed."""


class MachineBusy(SizingError):
    """Other processes use the machine, so figures would not be reliable."""


class NotServed(SizingError):
    """No server answers, or it ended."""


class WrongAnswers(SizingError):
    """The answers are not those of the model."""
