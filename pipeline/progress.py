"""What a run tells whoever watches it, and what it returns at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
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


@dataclass(frozen=True)
class RunResult:
    """What a run did.

    Args:
      run_id: the TFX pipeline run id.
      span: the span the model was evaluated on.
      blessed: always true; a run whose model is not blessed raises NotBlessed.
      version: number of the published version.
      model_dir: the published version's folder.
      metrics: the candidate's metrics on the whole eval split, by name.
      baseline: the same of the latest blessed model; empty for a first model.
      comparison: what is better and what worse than before, in words.
      steps: every step in the order they ended.
      log_file: where all library output went.
      seconds: wall time of the whole run.
    """

    run_id: str
    span: int
    blessed: bool
    version: int
    model_dir: Path
    metrics: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    comparison: str = ""
    steps: tuple[Step, ...] = ()
    log_file: Path | None = None
    seconds: float = 0.0


class Observer(Protocol):
    """Someone who watches a run."""

    def started(self, name: str) -> None:
        """Hear that a step began."""

    def finished(self, step: Step) -> None:
        """Hear how a step ended."""
