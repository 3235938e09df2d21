"""A task of a run: its arguments, its steps and its messages."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from pipeline.errors import TaxiwayError, UsageError
from pipeline.kubeflow import encoding
from pipeline.kubeflow.container import environment
from pipeline.kubeflow.container.plan import RunFolder
from pipeline.orchestration import recording
from pipeline.orchestration.steps import Conclude, Steps
from pipeline.runs.progress import Step
from pipeline.runs.records import Output
from pipeline.settings.sections import Settings


@dataclass
class Task:
    """The task of a container.

    Args:
      node: TFX's node id, or `Start` or `Record`.
      run: folder of the run.
      settings: settings of the pipeline, with the database of this environment.
      node_specs: encoded specs of the node by variants.
      parameters: values of the run's parameters by name.
      graph: encoded upstream nodes by variant and node; "" in other tasks than the last.
      report: HTML file of the page that KFP shows; None for no page.
      outputs: output artifacts of the node by name.
    """

    node: str
    run: RunFolder
    settings: Settings
    node_specs: dict[str, str]
    parameters: dict[str, str]
    graph: str
    report: Path | None
    outputs: dict[str, Output] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._steps = Steps(_Log())

    @property
    def steps(self) -> list[Step]:
        """Steps of the task that have ended."""
        return self._steps.ended

    def step(self, name: str) -> AbstractContextManager[Conclude]:
        """Time a step and log how it ended.

        Args:
          name: name of the step.

        Returns:
          A context manager as `Steps.step` yields it.
        """
        return self._steps.step(name)


class _Log:
    """Print every step that has ended."""

    def started(self, name: str) -> None:
        pass

    def finished(self, step: Step) -> None:
        print(f"{step.name}: {step.state} in {step.seconds:.1f} s. {step.decision}", flush=True)


class _Parser(argparse.ArgumentParser):
    """Raise ValueError instead of printing the usage and ending the process."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parse(args: list[str]) -> Task:
    """Return the task that a container's arguments and environment describe.

    Args:
      args: command-line arguments of the container.

    Raises:
      UsageError: the arguments differ from those that `taxiway kubeflow compile` writes.
    """
    parser = _Parser(prog="python -m pipeline.kubeflow.container.node")
    parser.add_argument("--node", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--settings", required=True)
    parser.add_argument("--ir", nargs=2, action="append", default=[])
    parser.add_argument("--parameter", nargs=2, action="append", default=[])
    parser.add_argument("--graph", default="")
    parser.add_argument("--report", type=Path)
    try:
        options = parser.parse_args(args)
        settings = Settings.model_validate_json(encoding.decode(options.settings))
    except ValueError as error:
        raise UsageError(
            f"the task's arguments are not those of a package: {error}", "taxiway kubeflow compile"
        ) from error
    database = environment.metadata_settings(os.environ)
    return Task(
        node=options.node,
        run=RunFolder(settings.workspace, options.run),
        settings=settings.model_copy(update={"metadata": database}),
        node_specs=dict(options.ir),
        parameters=dict(options.parameter),
        graph=options.graph,
        report=options.report,
    )


def print_error(error: TaxiwayError) -> None:
    """Print an error, its reasons and its next step to the task's log.

    Args:
      error: error that ended the task.
    """
    if error.__cause__ is not None:
        import traceback

        traceback.print_exception(error.__cause__)
    end = recording.end_fields(error)
    print(f"Stopped: {error.what}", file=sys.stderr)
    for reason in end.get("reasons", ()):
        print(f"  {reason}", file=sys.stderr)
    for finding in end.get("findings", ()):
        print(
            f"  {finding.kind} of {finding.feature or 'all columns'} in {finding.split}: "
            f"{finding.actual}; expected {finding.expected}",
            file=sys.stderr,
        )
    if end.get("quarantine"):
        print(f"Rows   {end['quarantine']}", file=sys.stderr)
    if error.next_step:
        print(f"Next   {error.next_step}", file=sys.stderr)


def utc_now() -> str:
    """Return the current time, UTC, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat()
