"""The files in the workspace that the tasks of one run share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from pipeline.errors import InfrastructureError, UsageError
from pipeline.findings import Finding
from pipeline.orchestration.options import RunOptions
from pipeline.runs.progress import Step
from pipeline.runs.records import Outcome
from pipeline.settings.base import Frozen
from pipeline.sources.layout import Layout
from serving.storage import local

_PLAN_FILE = "plan.json"
_STEPS_FOLDER = "steps"


class Plan(Frozen):
    """The plan of a run.

    Args:
      run_id: TFX pipeline run id; ids sort by time, as those of local runs do.
      began: start of the run, UTC, ISO 8601.
      options: options that the run was started with.
      data: layout of the run's rows; default None, not laid out yet.
    """

    run_id: str
    began: str
    options: RunOptions
    data: Layout | None = None


class TaskEnd(Frozen):
    """How a task ended.

    Args:
      at: end of the task, UTC, ISO 8601.
      steps: steps of the task; the first task has two, every other task one.
      outcome: outcome as in a run record; default None, the task succeeded.
      exit_code: exit code of the task; default 0.
      error: message of the error; default "".
      next_step: what the user can do about the error; default "".
      reasons: why the model is not blessed; default none.
      findings: findings of the data gate; default none.
      quarantine: file with the rejected rows; default None.
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


class RunFolder:
    """The folder of a run.

    Args:
      workspace: folder of all state.
      kfp_run_id: KFP's id of the run.

    Raises:
      UsageError: the id has characters that a run id cannot have.
    """

    def __init__(self, workspace: Path, kfp_run_id: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", kfp_run_id):
            raise UsageError(f"--run: expected the id of a run, got {kfp_run_id!r}.")
        self.kfp_run_id = kfp_run_id
        self._folder = workspace / "kubeflow" / kfp_run_id

    def read_plan(self) -> Plan | None:
        """Return the plan, or None before the first task has begun."""
        return _read(self._folder / _PLAN_FILE, Plan)

    def require_plan(self) -> Plan:
        """Return the plan with its data layout.

        Raises:
          InfrastructureError: the first task failed, or this task mounts another volume.
        """
        plan = self.read_plan()
        if plan is None or plan.data is None:
            raise InfrastructureError(
                f"{self._folder}: the run has no plan; the task `start` writes it.",
                "check that all tasks mount the same volume",
            )
        return plan

    def write_plan(self, plan: Plan) -> None:
        """Write the plan atomically.

        Args:
          plan: plan of the run.
        """
        _write(self._folder / _PLAN_FILE, plan)

    def read_ends(self) -> Mapping[str, TaskEnd]:
        """Return how the tasks ended, by node, in the order of their ends."""
        paths = (self._folder / _STEPS_FOLDER).glob("[!.]*.json")
        ends = {path.stem: _read(path, TaskEnd) for path in paths}
        existing = [(end.at, node, end) for node, end in ends.items() if end is not None]
        return {node: end for _, node, end in sorted(existing, key=lambda item: item[:2])}

    def write_end(self, node: str, end: TaskEnd) -> None:
        """Write atomically how a task ended.

        Args:
          node: id of the task's node.
          end: how the task ended.
        """
        _write(self._folder / _STEPS_FOLDER / f"{node}.json", end)


def _read(file: Path, kind: type[_Model]) -> _Model | None:
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InfrastructureError(f"{file}: cannot be read: {error}") from error


def _write(file: Path, content: BaseModel) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    local.replace_file(file, content.model_dump_json(indent=2) + "\n")
