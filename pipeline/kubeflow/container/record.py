"""The last task: write down what the run did, whatever its end."""

from __future__ import annotations

import datetime
import json
import shutil
import time
from collections.abc import Mapping
from typing import Any

from pipeline.errors import InfrastructureError, TaxiwayError
from pipeline.kubeflow import encoding
from pipeline.kubeflow.container.plan import Ended
from pipeline.kubeflow.container.task import Task
from pipeline.metadata import executions
from pipeline.metadata import store as metadata
from pipeline.orchestration import fingerprint, recording
from pipeline.project import files
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord
from pipeline.workspace import Workspace


def record(task: Task) -> None:
    """Close what the run has left open, and write its record and its report.

    It runs when every other task has ended or will never begin, so nothing of the run is running.

    Args:
      task: with the graph.

    Raises:
      InfrastructureError: ML Metadata cannot be reached.
    """
    plan = task.run.known()
    if plan is None:
        raise InfrastructureError(
            "the run has no plan: its first task did not begin, or saw another volume.",
            "look at the log of the task `start`",
        )
    settings = plan.choice.applied(task.settings)
    workspace = Workspace(settings.workspace, settings.name)
    known: Mapping[str, list[Any]] = {}
    outputs: dict[str, dict[str, Any]] = {}
    if plan.data is not None:
        store = metadata.open_store(settings)
        known = executions.of_run(store, plan.run_id)
        for of_node in known.values():
            executions.fail_unfinished(store, workspace.artifacts, of_node)
        outputs = executions.outputs(store, known)
    ended = dict(task.run.ended())
    graph = json.loads(encoding.decode(task.graph))[plan.choice.variant]
    steps = [step for each in ended.values() for step in each.steps if step.state != "skipped"]
    # Killed so that it could not even say so.
    lost = [node for node in known if node not in ended]
    steps += [Step(node, "failed", 0.0, "its container was killed") for node in lost]
    kept = recording.keep(
        workspace,
        RunRecord(
            run_id=plan.run_id,
            began=plan.began,
            seconds=_seconds_since(plan.began),
            steps=tuple(steps),
            code_hash=fingerprint.of_training(settings.train.run_fn),
            graph={node: tuple(upstream) for node, upstream in graph.items()},
            **_columns(task),
            **_end(ended, lost),
            **recording.of_data(plan.data),
            **recording.of_outputs(outputs),
        ),
    )
    print(f"Run {kept.run_id}: {kept.outcome}. Record and report are in {workspace.root}.")
    if kept.report is not None and task.report is not None:
        task.report.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept.report, task.report)


def _columns(task: Task) -> dict[str, Any]:
    try:
        return {"columns": files.load(task.settings).columns}
    except TaxiwayError:  # why the run failed, which its first task said
        return {}


def _end(ended: Mapping[str, Ended], lost: list[str]) -> dict[str, Any]:
    fields = {"outcome", "exit_code", "error", "next_step", "reasons", "findings", "quarantine"}
    for each in ended.values():
        if each.outcome is not None:
            return {name: getattr(each, name) for name in fields}
    if "Pusher" in ended:
        return recording.of_end(None)
    where = f" in {', '.join(lost)}" if lost else ""
    return recording.of_end(
        InfrastructureError(f"the run was stopped{where}.", "look at the tasks' logs in KFP")
    )


def _seconds_since(began: str) -> float:
    return time.time() - datetime.datetime.fromisoformat(began).timestamp()
