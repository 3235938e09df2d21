"""The steps of a run, which the local runner and a Kubeflow task share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.errors import DataRefused
from pipeline.findings import write_quarantine
from pipeline.orchestration.launch import explain_errors
from pipeline.project.files import Project
from pipeline.runs.progress import Observer, Step
from pipeline.settings.sections import Settings
from pipeline.sources import Label, open_source
from pipeline.sources.layout import Layout, lay_out
from pipeline.workspace import Workspace
from schema import columns

# Takes the decision of a step in a few words, and its state; default "done".
Conclude = Callable[..., None]


class Steps:
    """Time the steps of a run and report them.

    Args:
      observer: receiver of each step as it starts and ends.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.ended: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Conclude]:
        """Time a step and report how it ended.

        Args:
          name: name of the step.

        Yields:
          A function that takes the text of the step's decision, and its state; default "done".

        Raises:
          TaxiwayError: the block raised any other exception than KeyboardInterrupt.
        """
        self._observer.started(name)
        begin, decision, state = time.monotonic(), "", "done"

        def conclude(text: str, new_state: str = "done") -> None:
            nonlocal decision, state
            decision, state = text, new_state

        try:
            with explain_errors(name):
                yield conclude
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        except BaseException:
            state = "failed"
            raise
        finally:
            step = Step(name, state, time.monotonic() - begin, decision)
            self.ended.append(step)
            self._observer.finished(step)


def lay_out_data(settings: Settings, project: Project, run_id: str) -> Layout:
    """Write the rows of a run as spans; keep the rejected ones in quarantine.

    Args:
      settings: settings of the pipeline, with the options of the run.
      project: content of the project's files.
      run_id: TFX pipeline run id.

    Returns:
      The folders of the spans.

    Raises:
      UsageError: the source's settings are wrong.
      DataRefused: the source's rows cannot be read.
    """
    workspace = Workspace(settings.workspace, settings.name)
    features = project.features
    label = Label(features.label, features.positive, features.negative)
    source = open_source(settings.source, columns.types(project.schema), workspace.root, label)
    try:
        return lay_out(source, workspace.data, settings.source.span, settings.source.window)
    except DataRefused as error:
        if error.rows:
            error.quarantine = workspace.quarantine / f"{run_id}.csv"
            write_quarantine(error.quarantine, error.rows)
        raise


def conclude_node(
    name: str, store: Any, execution_id: int, conclude: Conclude
) -> tuple[dict[str, Any], bool]:
    """Report what a node decided.

    Args:
      name: id of the node.
      store: ML Metadata store.
      execution_id: id of the node's execution.
      conclude: function that `Steps.step` yielded.

    Returns:
      The node's output artifacts by name, and whether they came from the cache.
    """
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    from pipeline.components import catalog
    from pipeline.metadata import executions

    outputs = executions.outputs(store, execution_id)
    cached = executions.state(store, execution_id) == mlmd.Execution.CACHED
    conclude(catalog.node(name).summarize(outputs), "cached" if cached else "done")
    return outputs, cached
