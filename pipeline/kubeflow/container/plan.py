"""What the tasks of one run tell each other, in the workspace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from pipeline.errors import InfrastructureError, UsageError
from pipeline.findings import Finding
from pipeline.runs.progress import Step
from pipeline.runs.records import Outcome
from pipeline.settings.base import Frozen
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout
from serving.storage import local

_PLAN_FILE = "plan.json"
_STEPS_FOLDER = "steps"


class Choice(Frozen):
    """What whoever started the run chose.

    Args:
      span: to evaluate on; 0 for the newest.
      window: how many earlier spans to train on.
      data_root: folder of the source's files; "" for that of the settings.
      tune: search for better training settings first.
      warm_start: go on from the latest blessed model's weights.
      promote: a new version becomes `stable` by itself.
    """

    span: int = 0
    window: int
    data_root: str = ""
    tune: bool = False
    warm_start: bool = False
    promote: bool = True

    def applied(self, settings: Settings) -> Settings:
        """Return settings with what was chosen."""
        source = settings.source.model_copy(
            update={
                "span": self.span or None,
                "window": self.window,
                "path": Path(self.data_root) if self.data_root else settings.source.path,
            }
        )
        publish = settings.publish.model_copy(update={"promote": self.promote})
        return settings.model_copy(update={"source": source, "publish": publish})

    @property
    def variant(self) -> str:
        """Which graph runs."""
        return "tune" if self.tune else "warm-start" if self.warm_start else "plain"


class Plan(Frozen):
    """A run.

    Args:
      run_id: the TFX pipeline run id; sorts by time, as those of runs on one machine do.
      began: UTC, ISO 8601.
      choice: of whoever started it.
      data: where its rows are; None until they are laid out.
    """

    run_id: str
    began: str
    choice: Choice
    data: Layout | None = None


class Ended(Frozen):
    """How a task ended.

    Args:
      at: UTC, ISO 8601.
      steps: what it did; one but for the first task.
      outcome: as in a run's record, when it failed.
    """

    at: str
    steps: tuple[Step, ...]
    outcome: Outcome | None = None
    exit_code: int = 0
    error: str = ""
    next_step: str = ""
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    quarantine: Path | None = None


_Model = TypeVar("_Model", bound=BaseModel)


class Run:
    """The folder of a run.

    Args:
      workspace: the folder of all state.
      kfp_run: KFP's id of the run.

    Raises:
      UsageError: it is no id.
    """

    def __init__(self, workspace: Path, kfp_run: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", kfp_run):
            raise UsageError(f"--run {kfp_run!r}: not an id of a run.")
        self.kfp_run = kfp_run
        self._folder = workspace / "kubeflow" / kfp_run

    def known(self) -> Plan | None:
        """Return the plan; None before the first task has begun."""
        return _read(self._folder / _PLAN_FILE, Plan)

    def plan(self) -> Plan:
        """Return the plan, with its data.

        Raises:
          InfrastructureError: the first task did not end well, or this task sees another volume.
        """
        found = self.known()
        if found is None or found.data is None:
            raise InfrastructureError(
                f"{self._folder}: the run is not planned; the task `start` does that.",
                "look whether all tasks mount the same volume",
            )
        return found

    def write_plan(self, plan: Plan) -> None:
        """Write the plan, whole or not at all."""
        _write(self._folder / _PLAN_FILE, plan)

    def ended(self) -> Mapping[str, Ended]:
        """Return how the tasks ended that have, in that order."""
        files = (self._folder / _STEPS_FOLDER).glob("[!.]*.json")
        found = {file.stem: _read(file, Ended) for file in files}
        known = [(each.at, name, each) for name, each in found.items() if each is not None]
        return {name: each for _, name, each in sorted(known, key=lambda item: item[:2])}

    def write_ended(self, node: str, ended: Ended) -> None:
        """Write how a task ended, whole or not at all."""
        _write(self._folder / _STEPS_FOLDER / f"{node}.json", ended)


def _read(file: Path, kind: type[_Model]) -> _Model | None:
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InfrastructureError(f"{file}: not readable: {error}") from error


def _write(file: Path, content: BaseModel) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    local.replace_file(file, content.model_dump_json(indent=2) + "\n")
