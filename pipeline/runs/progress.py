"""What a run tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """One finished step of a run.

    Args:
      name: the TFX node id, or `Source` for the step that lays out the data.
      state: `done`, `cached`, `failed` or `interrupted`.
      seconds: wall time.
      decision: what it decided, in a few words: "rows train 80,163, eval 27,662".
    """

    name: str
    state: str
    seconds: float
    decision: str = ""


class Observer(Protocol):
    """Someone who watches a run."""

    def started(self, name: str) -> None:
        """Hear that a step began."""

    def finished(self, step: Step) -> None:
        """Hear how a step ended."""
