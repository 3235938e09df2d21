"""A task of one TFX node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.errors import DataRefused, point_to_schema
from pipeline.kubeflow import encoding
from pipeline.kubeflow.container.plan import Plan
from pipeline.kubeflow.container.task import Task
from pipeline.orchestration import launch as launching
from pipeline.runs.records import Output
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout
from pipeline.workspace import Workspace


def launch(task: Task) -> None:
    """Run a node with TFX's launcher, and hold what it put out to what `taxiway run` does.

    What has succeeded already is looked at again and not done again; what an earlier try left
    unfinished is cleared away first.

    Args:
      task: with the slices of the node.

    Raises:
      DataRefused: the data did not pass the gate.
      NotBlessed: nothing was published.
      InfrastructureError: the node failed.
    """
    plan = task.run.plan()
    found = [
        text for variants, text in task.slices.items() if plan.choice.variant in variants.split(",")
    ]
    with task.step(task.node) as step:
        if found:
            _run(task, plan, found[0], step)
        else:
            step("not asked for", "skipped")
    if task.node == "Pusher":
        _check_pushed(task, plan)


def _run(task: Task, plan: Plan, text: str, step: Callable[..., None]) -> None:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    from pipeline.beam import patches, work
    from pipeline.metadata import executions
    from pipeline.metadata import store as metadata
    from pipeline.orchestration import outcomes, recovery

    patches.apply()
    data = plan.data
    assert data is not None, "Run.plan says so"
    settings = plan.choice.applied(task.settings)
    store = metadata.open_store(settings)
    ir = _placed(settings, data, plan.run_id, text)
    earlier = executions.of_run(store, plan.run_id).get(task.node, [])
    number = executions.done(earlier)
    if number is None:
        artifacts = Workspace(settings.workspace, settings.name).artifacts
        recovery.end_jobs(store, earlier, settings.beam)
        executions.fail_unfinished(store, artifacts, earlier)
        node = ir.nodes[0].pipeline_node
        with work.of_run(settings.beam) as beam:
            number = launching.launch(ir, node, store, metadata.connection(settings), beam)
    outputs = metadata.outputs(store, number)
    task.outputs = {name: Output(uri=each.uri, id=each.id) for name, each in outputs.items()}
    cached = metadata.state(store, number) == mlmd.Execution.CACHED
    step(outcomes.describe(task.node, outputs), "cached" if cached else "done")
    try:
        outcomes.check(task.node, outputs, settings.schema_file)
    except DataRefused as error:
        command = f"taxiway schema diff --span {data.span} --window {plan.choice.window}"
        point_to_schema(error, command)
        raise


def _check_pushed(task: Task, plan: Plan) -> None:
    from pipeline.metadata import executions
    from pipeline.metadata import store as metadata
    from pipeline.orchestration import outcomes

    store = metadata.open_store(task.settings)
    of_run = executions.outputs(store, executions.of_run(store, plan.run_id))
    outcomes.check_pushed(of_run)


def _placed(settings: Settings, data: Layout, run_id: str, text: str) -> Any:
    """Return the slice with the data, the code and the id of this run."""
    from tfx.proto.orchestration import pipeline_pb2

    from pipeline.kubeflow.placing import place
    from pipeline.orchestration import fingerprint

    ir = pipeline_pb2.Pipeline.FromString(encoding.decode(text))
    # Of the code in this container, which is what runs.
    place(ir, settings, data, fingerprint.of_training(settings.train.run_fn))
    fingerprint.stamp(ir, settings.train.run_fn, settings.schema_file)
    launching.substitute(ir, run_id)
    return ir
