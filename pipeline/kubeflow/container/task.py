"""A task of a run: its arguments, its steps and its messages."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from pipeline.errors import TaxiwayError, UsageError
from pipeline.kubeflow import encoding
from pipeline.kubeflow.container import environment
from pipeline.kubeflow.container.plan import Run
from pipeline.orchestration import launch as launching
from pipeline.orchestration import recording
from pipeline.runs.progress import Step
from pipeline.runs.records import Output
from pipeline.settings.sections import Settings


@dataclass
class Task:
    """What a container was started for.

    Args:
      node: TFX's node id, or `Start` or `Record`.
      run: the run's folder.
      settings: of the pipeline, with the database of this environment.
      slices: encoded slices of the pipeline by variants.
      parameters: that whoever started the run chose.
      graph: nodes upstream of each node, by variant; encoded.
      report: the page that KFP shows; None for none.
      steps: that the task has done.
      outputs: that the node has put out, by name.
    """

    node: str
    run: Run
    settings: Settings
    slices: dict[str, str]
    parameters: dict[str, str]
    graph: str
    report: Path | None
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[..., None]]:
        """Time a step, and tell the log how it ended.

        Args:
          name: of the step.

        Yields:
          A function that takes what was decided, in words, and the step's state.

        Raises:
          TaxiwayError: for every exception.
        """
        begin, decision, state = time.monotonic(), "", "failed"

        def conclude(words: str, how: str = "done") -> None:
            nonlocal decision, state
            decision, state = words, how

        try:
            with launching.explained(name):
                yield conclude
        except TaxiwayError:
            state = "failed"
            raise
        finally:
            step = Step(name, state, time.monotonic() - begin, decision)
            self.steps.append(step)
            print(f"{step.name}: {step.state} in {step.seconds:.1f} s. {step.decision}", flush=True)


class _Parser(argparse.ArgumentParser):
    """Raises, where others print their usage and end the process."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parse(words: list[str]) -> Task:
    """Read a container's arguments and environment.

    Args:
      words: arguments.

    Raises:
      UsageError: they are not those that `taxiway kubeflow compile` writes.
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
        given = parser.parse_args(words)
        settings = Settings.model_validate_json(encoding.decode(given.settings))
    except ValueError as error:
        raise UsageError(
            f"the task's arguments are not those of a package: {error}", "taxiway kubeflow compile"
        ) from error
    database = environment.database(os.environ)
    return Task(
        node=given.node,
        run=Run(settings.workspace, given.run),
        settings=settings.model_copy(update={"metadata": database}),
        slices=dict(given.ir),
        parameters=dict(given.parameter),
        graph=given.graph,
        report=given.report,
    )


def tell(error: TaxiwayError) -> None:
    """Say in the task's log what went wrong."""
    if error.__cause__ is not None:
        import traceback

        traceback.print_exception(error.__cause__)
    found = recording.of_end(error)
    print(f"Stopped: {error.what}", file=sys.stderr)
    for reason in found.get("reasons", ()):
        print(f"  {reason}", file=sys.stderr)
    for finding in found.get("findings", ()):
        print(
            f"  {finding.kind} of {finding.feature or 'all columns'} in {finding.split}: "
            f"{finding.found}; expected {finding.expected}",
            file=sys.stderr,
        )
    if found.get("quarantine"):
        print(f"Rows   {found['quarantine']}", file=sys.stderr)
    if error.next_step:
        print(f"Next   {error.next_step}", file=sys.stderr)


def now() -> str:
    """Return the time as UTC, ISO 8601."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat()
