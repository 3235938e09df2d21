"""The first task: the same preparations that `taxiway run` makes before its first component."""

from __future__ import annotations

import datetime
from pathlib import Path

from pydantic import ValidationError

from pipeline.beam import check as engine
from pipeline.errors import DataRefused, UsageError
from pipeline.kubeflow.container.plan import Choice, Plan
from pipeline.kubeflow.container.task import Task
from pipeline.project import files as project
from pipeline.project.files import Project
from pipeline.settings.explain import explain
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout
from pipeline.workspace import Workspace


def start(task: Task) -> None:
    """Lay out the data, create ML Metadata if it does not exist and write the run's plan.

    A second attempt keeps a complete plan.

    Args:
      task: task with the parameters of the run.

    Raises:
      UsageError: a parameter or a file of the project is invalid.
      DataRefused: the source's rows cannot be read.
      InfrastructureError: ML Metadata or the engine cannot be reached.
    """
    plan = task.run.read_plan() or _new_plan(task)
    if plan.data is not None:
        print(f"Run {plan.run_id} has a plan already.", flush=True)
        end = task.run.read_ends().get(task.node)
        task.steps += end.steps if end else ()
        return
    task.run.write_plan(plan)
    settings = plan.choice.applied(task.settings)
    engine.check_engines(settings.beam)
    files = project.load(settings)
    with task.step("Source") as source:
        layout = _lay_out(settings, files, plan.run_id)
        source(layout.describe(settings.source.window))
    with task.step("Start") as step:
        step(_prepare(settings, files, plan.choice.warm_start))
    task.run.write_plan(plan.model_copy(update={"data": layout}))


def _new_plan(task: Task) -> Plan:
    now = datetime.datetime.now(datetime.timezone.utc)
    return Plan(
        run_id=f"{now:%Y%m%d-%H%M%S}-{task.run.kfp_run_id[:8]}",
        began=now.isoformat(timespec="seconds"),
        choice=_choice(task.parameters),
    )


def _choice(parameters: dict[str, str]) -> Choice:
    try:
        choice = Choice.model_validate(parameters)
    except ValidationError as error:
        raise UsageError(f"a parameter of the run is invalid: {explain(error, Choice)}") from error
    if choice.window < 1:
        raise UsageError(f"the parameter window is {choice.window}; the minimum is 1 span.")
    if choice.tune and choice.warm_start:
        raise UsageError(
            "tune and warm_start exclude each other because the Tuner may choose a network "
            "whose shape does not fit the weights of the latest blessed model.",
            "remove one of them",
        )
    return choice


def _lay_out(settings: Settings, files: Project, run_id: str) -> Layout:
    from pipeline.findings import write_quarantine
    from pipeline.sources import open_source
    from pipeline.sources.layout import lay_out
    from schema import columns

    workspace = Workspace(settings.workspace, settings.name)
    source = open_source(settings.source, columns.types(files.schema))
    try:
        return lay_out(source, workspace.data, settings.source.span, settings.source.window)
    except DataRefused as error:
        if error.rows:
            error.quarantine = Path(workspace.quarantine, f"{run_id}.csv")
            write_quarantine(error.quarantine, error.rows)
        raise


def _prepare(settings: Settings, files: Project, warm_start: bool) -> str:
    """Prepare ML Metadata for tasks that run in parallel; return what was repaired."""
    from pipeline.metadata import executions
    from pipeline.metadata import store as metadata

    workspace = Workspace(settings.workspace, settings.name)
    store = metadata.open_store(settings)
    metadata.claim(store, settings)
    longest = settings.kubeflow.timeout_seconds
    abandoned = executions.fail_abandoned(store, workspace.artifacts, longest)
    executions.reserve_lost(store, workspace)
    if warm_start:
        project.check_warm_start(settings, store, files.features)
    return f"marked {abandoned} abandoned executions as failed" if abandoned else ""
