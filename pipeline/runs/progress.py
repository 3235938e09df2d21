"""The steps of a run, and who is told about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """One step of a run that has ended.

    Args:
      name: TFX node id, or `Source` for the step that lays out the data.
      state: `done`, `cached`, `failed`, `interrupted` or `skipped`.
      seconds: wall time.
      decision: what the step decided: "80,163 train rows, 27,662 eval rows"; default "".
    """

    name: str
    state: str
    seconds: float
    decision: str = ""


class Observer(Protocol):
    """Receiver of a run's steps."""

    def started(self, name: str) -> None:
        """Receive the name of a step that begins.

        Args:
          name: name of the step.
        """

    def finished(self, step: Step) -> None:
        """Receive a step that has ended.

        Args:
          step: the step.
        """
