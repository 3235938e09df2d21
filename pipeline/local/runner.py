"""Run the pipeline on this machine."""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.beam import check, configured_clusters
from pipeline.components import names
from pipeline.errors import TaxiwayError, UsageError, point_to_schema
from pipeline.orchestration import launch, recording
from pipeline.orchestration.interrupts import deferred_interrupts
from pipeline.orchestration.options import RunOptions
from pipeline.orchestration.steps import Conclude, Steps, conclude_node, lay_out_data
from pipeline.project import files, own_code
from pipeline.project.files import Project
from pipeline.runs.progress import Observer, Step
from pipeline.runs.records import RunRecord
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.beam.work import BeamExecutor
    from pipeline.sources.layout import Layout

# TensorFlow Transform selects the legacy Keras unless this is set before its first import.
os.environ["TF_USE_LEGACY_KERAS"] = "0"


def run(
    settings: Settings,
    observer: Observer,
    options: RunOptions | None = None,
    log_file: Path | None = None,
) -> RunRecord:
    """Lay out the data and run every component on it.

    Args:
      settings: settings of the pipeline.
      observer: receiver of every step as it starts and ends.
      options: options of this run; default none.
      log_file: file that receives the libraries' output; its name without suffix is the run's id.
        Default None: the record names no log, and the id is the present time.

    Returns:
      The record of the run, as it is written in the workspace.

    Raises:
      WorkspaceBusy: another run holds the workspace.
      UsageError: features, schema, source or engine settings are wrong.
      DataRefused: the data does not match the schema.
      NotBlessed: the model missed a bound, or cannot be served.
      InfrastructureError: the engine cannot be reached, or a component failed.

    Example:
      >>> run(loading.load(), Display(sys.stdout), RunOptions(span=201302, window=1))
    """
    options = options or RunOptions()
    settings = options.apply(settings)
    workspace = Workspace(settings.workspace, settings.name)
    with workspace.exclusive():
        _check_engine(settings, observer)
        return _Run(settings, workspace, observer, options, log_file).execute()


def new_run_id() -> str:
    """Return the id of a run that begins now: the time in UTC, so that ids sort by time."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S-%f")


def _check_engine(settings: Settings, observer: Observer) -> None:
    """Check that the clusters are ready; the jar of a job server may be downloaded."""
    if not configured_clusters.in_use(settings.beam):
        return
    with Steps(observer).step("Engine") as conclude:
        conclude(check.check_engines(settings.beam))


class _Run:
    def __init__(
        self,
        settings: Settings,
        workspace: Workspace,
        observer: Observer,
        options: RunOptions,
        log_file: Path | None,
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._observer = observer
        self._options = options
        self._log_file = log_file
        self._run_id = log_file.stem if log_file else new_run_id()
        self._began = datetime.datetime.now(datetime.timezone.utc)
        self._begin = time.monotonic()
        self._steps = Steps(observer)
        self._outputs: dict[str, dict[str, Any]] = {}
        self._layout: Layout | None = None
        self._graph: dict[str, tuple[str, ...]] = {}
        self._columns: tuple[str, ...] = ()
        self._code_hash = ""

    def execute(self) -> RunRecord:
        """Run everything, and record how it ended."""
        try:
            self._execute()
        except UsageError:  # no component ran, so there is nothing to record
            raise
        except TaxiwayError as error:
            point_to_schema(error, self._options.schema_diff)
            error.report = self._record(error).report
            raise
        except BaseException as error:
            self._record(error)
            raise
        return self._record(None)

    def _record(self, error: BaseException | None) -> RunRecord:
        record = recording.write(
            self._workspace,
            RunRecord(
                run_id=self._run_id,
                began=self._began.isoformat(timespec="seconds"),
                seconds=time.monotonic() - self._begin,
                steps=tuple(self._steps.ended),
                columns=self._columns,
                code_hash=self._code_hash,
                graph=self._graph,
                log_file=self._log_file,
                no_baseline=self._options.no_baseline,
                **recording.end_fields(error),
                **recording.data_fields(self._layout),
                **recording.output_fields(self._outputs),
            ),
        )
        if record.report is None:
            self._observer.finished(Step("Report", "failed", 0.0, "not written; read the log"))
        return record

    def _execute(self) -> None:
        project = files.load(self._settings)
        if self._options.tune:
            own_code.check_tuner(self._settings)
        self._columns = project.columns
        with self._steps.step("Source") as conclude:
            self._layout = lay_out_data(self._settings, project, self._run_id)
            conclude(self._layout.describe(self._settings.source.window))
        with self._steps.step("Start") as conclude:
            ir, store = self._start(project, self._layout, conclude)

        from pipeline.beam import work
        from pipeline.orchestration import baseline, outcomes

        with deferred_interrupts() as reraise, work.open_executor(self._settings.beam) as beam:
            for node in ir.nodes:
                name = node.pipeline_node.node_info.id
                with self._steps.step(name) as conclude, reraise():
                    cached = self._run_node(ir, node.pipeline_node, store, beam, conclude)
                    outcomes.enforce(name, self._outputs[name], self._settings)
                    if not self._options.no_baseline:
                        baseline.enforce(name, self._outputs[name], store, self._settings)
                    if not cached:
                        self._prepare_infra_check(name, project)
        outcomes.enforce_pushed(self._outputs)

    def _start(self, project: Project, layout: Layout, conclude: Conclude) -> tuple[Any, Any]:
        """Compile the pipeline, clean up after interrupted runs; return the IR and the store."""
        # TFX and TensorFlow take seconds to import, so the data is laid out first.
        from tfx.dsl.compiler.compiler import Compiler

        from pipeline.beam import patches
        from pipeline.metadata import executions
        from pipeline.metadata import store as metadata
        from pipeline.orchestration import (
            baseline,
            fingerprint,
            input_queries,
            recovery,
            warm_start,
        )
        from pipeline.pipeline import create_pipeline

        patches.apply()
        input_queries.apply()
        settings = self._settings
        pipeline = create_pipeline(
            settings, project.features, project.policy, layout, self._options.variant,
            compare=not self._options.no_baseline,
        )  # fmt: skip
        ir = Compiler().compile(pipeline)
        launch.substitute(ir, self._run_id)
        nodes = [node.pipeline_node for node in ir.nodes]
        self._graph = {node.node_info.id: tuple(node.upstream_nodes) for node in nodes}
        fingerprint.stamp(ir, settings)
        self._code_hash = fingerprint.training_hash(settings)
        store = metadata.open_store(settings)
        moved_from = metadata.claim(store, settings)
        interrupted = recovery.fail_abandoned(store, self._workspace.artifacts, settings.beam)
        executions.reserve_lost(store, self._workspace)
        notes = [
            f"workspace moved from {moved_from}" if moved_from else "",
            f"interrupted earlier: {', '.join(interrupted)}" if interrupted else "",
            "" if self._options.no_baseline else baseline.prepare(settings, store, project),
        ]
        if self._options.warm_start:
            warm_start.check(settings, store, project.features)
        conclude("; ".join(filter(None, notes)))
        return ir, store

    def _run_node(
        self, ir: Any, node: Any, store: Any, beam: BeamExecutor, conclude: Conclude
    ) -> bool:
        """Run a node and report its decision; return whether its outputs came from the cache."""
        from pipeline.metadata import store as metadata

        name = node.node_info.id
        connection = metadata.connection(self._settings)
        execution_id = launch.launch(ir, node, store, connection, beam)
        self._outputs[name], cached = conclude_node(name, store, execution_id, conclude)
        return cached

    def _prepare_infra_check(self, name: str, project: Project) -> None:
        """Start InfraCheck's worker, then its check, beside components that leave a core free."""
        from pipeline.components.infra_check import component, process

        if name == names.TRANSFORM:
            process.start_worker()
        if name == names.TRAINER:
            model = self._outputs[names.TRAINER]["model"].uri
            examples = self._outputs[names.EXAMPLE_GEN]["examples"].uri
            process.start(
                component.candidate(model, examples, project.features, self._settings.infra)
            )
