"""The first task: the same preparations that `taxiway run` makes before its first component."""

from __future__ import annotations

import datetime

from pydantic import ValidationError

from pipeline.beam import check as engine
from pipeline.errors import UsageError
from pipeline.kubeflow import names
from pipeline.kubeflow.container.plan import Plan
from pipeline.kubeflow.container.task import Task
from pipeline.orchestration.options import RunOptions
from pipeline.orchestration.steps import lay_out_data
from pipeline.project import files as project
from pipeline.project import own_code
from pipeline.project.files import Project
from pipeline.settings.base import explain
from pipeline.settings.sections import Settings
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
        task.steps.extend(end.steps if end else ())
        return
    task.run.write_plan(plan)
    settings = plan.options.apply(task.settings)
    engine.check_engines(settings.beam)
    files = project.load(settings)
    if plan.options.tune:
        own_code.check_tuner(settings)
    with task.step("Source") as source:
        layout = lay_out_data(settings, files, plan.run_id)
        source(layout.describe(settings.source.window))
    with task.step("Start") as step:
        step(_prepare(settings, files, plan.options))
    task.run.write_plan(plan.model_copy(update={"data": layout}))


def _new_plan(task: Task) -> Plan:
    now = datetime.datetime.now(datetime.timezone.utc)
    return Plan(
        run_id=f"{now:%Y%m%d-%H%M%S}-{task.run.kfp_run_id[:8]}",
        began=now.isoformat(timespec="seconds"),
        options=_options(task.parameters),
    )


def _options(parameters: dict[str, str]) -> RunOptions:
    # RunOptions names the options of the command line, but a run on Kubeflow has parameters.
    if parameters.get(names.TUNE) == parameters.get(names.WARM_START) == "true":
        raise UsageError(
            "tune and warm_start exclude each other because the Tuner may choose a network of "
            "another shape than the weights of the latest blessed model.",
            "remove one of the two parameters",
        )
    try:
        return RunOptions.model_validate(parameters)
    except ValidationError as error:
        raise UsageError(
            f"a parameter of the run is invalid: {explain(error, RunOptions)}"
        ) from error


def _prepare(settings: Settings, files: Project, options: RunOptions) -> str:
    """Prepare ML Metadata for tasks that run in parallel; return what was repaired."""
    from pipeline.metadata import executions
    from pipeline.metadata import store as metadata
    from pipeline.orchestration import baseline, warm_start

    workspace = Workspace(settings.workspace, settings.name)
    store = metadata.open_store(settings)
    moved_from = metadata.claim(store, settings)
    longest = settings.kubeflow.timeout_seconds
    abandoned = executions.fail_abandoned(store, workspace.artifacts, longest)
    executions.reserve_lost(store, workspace)
    notes = [
        f"workspace moved from {moved_from}" if moved_from else "",
        f"marked {abandoned} abandoned executions as failed" if abandoned else "",
        "" if options.no_baseline else baseline.prepare(settings, store, files),
    ]
    if options.warm_start:
        warm_start.check(settings, store, files.features)
    return "; ".join(filter(None, notes))
