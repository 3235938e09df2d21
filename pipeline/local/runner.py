"""Run the pipeline on this machine."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.beam import check as engine
from pipeline.beam import clusters
from pipeline.errors import DataRefused, TaxiwayError, UsageError, point_to_schema
from pipeline.orchestration import interrupts, launch, recording
from pipeline.project import files as project
from pipeline.runs.progress import Observer, Step
from pipeline.runs.records import RunRecord
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.beam.work import BeamExecutor
    from pipeline.sources.layout import Layout

# TensorFlow Transform would choose the old Keras when nobody has chosen before the first import.
os.environ["TF_USE_LEGACY_KERAS"] = "0"


def run(
    settings: Settings,
    observer: Observer,
    tune: bool = False,
    warm_start: bool = False,
    log_file: Path | None = None,
    schema_diff: str = "taxiway schema diff",
) -> RunRecord:
    """Lay out the data and run every component on it.

    Args:
      settings: of the pipeline.
      observer: hears of every step.
      tune: search for better training settings first.
      warm_start: go on from the latest blessed model's weights.
      log_file: where the caller sends library output; its name without suffix is the run's id.
      schema_diff: the command that shows the change of the schema that would let data pass.

    Returns:
      What the run did, as it is written down in the workspace.

    Raises:
      WorkspaceBusy: another run holds the workspace.
      UsageError: features, schema, source or engine settings are wrong.
      DataRefused: the data is not what the schema says.
      NotBlessed: the model missed a bound.
      InfrastructureError: the engine cannot be reached, or a component failed.
    """
    workspace = Workspace(settings.workspace, settings.name)
    with workspace.exclusive():
        _reach_engine(settings, observer)
        return _Run(
            settings, workspace, observer, tune, warm_start, log_file, schema_diff
        ).execute()


def _reach_engine(settings: Settings, observer: Observer) -> None:
    """Make sure that the clusters can do the work; the jar of a job server may be downloaded."""
    if not clusters.in_use(settings.beam):
        return
    observer.started("Engine")
    begin, state, found = time.monotonic(), "failed", ""
    try:
        found, state = engine.check_engines(settings.beam), "done"
    finally:
        observer.finished(Step("Engine", state, time.monotonic() - begin, found))


def new_run_id() -> str:
    """Return an id for a run that begins now."""
    return datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")


class _Run:
    def __init__(
        self,
        settings: Settings,
        workspace: Workspace,
        observer: Observer,
        tune: bool,
        warm_start: bool,
        log_file: Path | None,
        schema_diff: str,
    ) -> None:
        self._settings = settings
        self._workspace = workspace
        self._observer = observer
        self._tune = tune
        self._warm_start = warm_start
        self._log_file = log_file
        self._schema_diff = schema_diff
        self._run_id = log_file.stem if log_file else new_run_id()
        self._steps: list[Step] = []
        self._outputs: dict[str, dict[str, Any]] = {}
        self._layout: Layout | None = None
        self._graph: dict[str, tuple[str, ...]] = {}
        self._columns: tuple[str, ...] = ()
        self._code_hash = ""

    def execute(self) -> RunRecord:
        """Run everything, and write down how it ended."""
        began, begin = datetime.datetime.now(datetime.timezone.utc), time.monotonic()

        def record(error: BaseException | None) -> RunRecord:
            kept = recording.keep(
                self._workspace,
                RunRecord(
                    run_id=self._run_id,
                    began=began.isoformat(timespec="seconds"),
                    seconds=time.monotonic() - begin,
                    steps=tuple(self._steps),
                    columns=self._columns,
                    code_hash=self._code_hash,
                    graph=self._graph,
                    log_file=self._log_file,
                    **recording.of_end(error),
                    **recording.of_data(self._layout),
                    **recording.of_outputs(self._outputs),
                ),
            )
            if kept.report is None:
                self._observer.finished(
                    Step("Report", "failed", 0.0, "not written; the log says why")
                )
            return kept

        try:
            self._execute()
        except UsageError:  # nothing ran
            raise
        except TaxiwayError as error:
            point_to_schema(error, self._schema_diff)
            error.report = record(error).report
            raise
        except BaseException as error:
            record(error)
            raise
        return record(None)

    def _execute(self) -> None:
        files = project.load(self._settings)
        self._columns = files.columns
        data = self._lay_out_data(files.schema)
        with self._step("Start") as start:
            # TFX and TensorFlow take seconds to import; nothing before this needs them.
            from pipeline.beam import patches, work
            from pipeline.metadata import executions
            from pipeline.metadata import store as metadata
            from pipeline.orchestration import fingerprint, outcomes, recovery
            from pipeline.pipeline import create_pipeline

            patches.apply()
            pipeline = create_pipeline(
                settings=self._settings,
                features=files.features,
                policy=files.policy,
                data=data,
                tune=self._tune,
                warm_start=self._warm_start,
            )
            ir = _compile(pipeline, self._run_id)
            nodes = [node.pipeline_node for node in ir.nodes]
            self._graph = {each.node_info.id: tuple(each.upstream_nodes) for each in nodes}
            fingerprint.stamp(ir, self._settings.train.run_fn, self._settings.schema_file)
            self._code_hash = fingerprint.of_training(self._settings.train.run_fn)
            store = metadata.open_store(self._settings)
            metadata.claim(store, self._settings)
            artifacts = self._workspace.artifacts
            interrupted = recovery.close(store, artifacts, self._settings.beam)
            executions.reserve_lost(store, self._workspace)
            if self._warm_start:
                project.check_warm_start(self._settings, store, files.features)
            start(f"interrupted earlier: {', '.join(interrupted)}" if interrupted else "")
        with interrupts.remembered() as kept, work.open_executor(self._settings.beam) as beam:
            for node in ir.nodes:
                with self._step(node.pipeline_node.node_info.id) as step, kept():
                    self._launch(ir, node.pipeline_node, store, beam, files.features, step)
        outcomes.check_pushed(self._outputs)

    def _lay_out_data(self, schema: Any) -> Any:
        from pipeline.sources import open_source
        from pipeline.sources.layout import lay_out
        from schema import columns

        settings = self._settings.source
        with self._step("Source") as step:
            source = open_source(settings, columns.types(schema))
            try:
                layout = lay_out(source, self._workspace.data, settings.span, settings.window)
                self._layout = layout
            except DataRefused as error:
                self._quarantine(error)
                raise
            step(layout.describe(settings.window))
        return layout

    def _quarantine(self, error: DataRefused) -> None:
        from pipeline.findings import write_quarantine

        if error.rows:
            error.quarantine = self._workspace.quarantine / f"{self._run_id}.csv"
            write_quarantine(error.quarantine, error.rows)

    def _launch(
        self, ir: Any, node: Any, store: Any, beam: BeamExecutor, features: Any, step: Any
    ) -> None:
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        from pipeline.components.infra_check import process
        from pipeline.metadata import executions
        from pipeline.metadata import store as metadata
        from pipeline.orchestration import outcomes

        name = node.node_info.id
        connection = metadata.connection(self._settings)
        execution = launch.launch(ir, node, store, connection, beam)
        outcome = executions.state(store, execution)
        outputs = self._outputs[name] = executions.outputs(store, execution)
        if name == "Transform" and outcome == mlmd.Execution.COMPLETE:
            # Then the Trainer runs too, and leaves a core free.
            process.prepare()
        if name == "Trainer" and outcome == mlmd.Execution.COMPLETE:
            self._begin_rehearsal(features)
        step(outcomes.describe(name, outputs), cached=outcome == mlmd.Execution.CACHED)
        outcomes.check(name, outputs, self._settings.schema_file)

    def _begin_rehearsal(self, features: Any) -> None:
        """Let InfraCheck's work go on beside the Evaluator, which leaves a core free."""
        from pipeline.components.infra_check import component, process

        model, examples = (
            self._outputs[node][output].uri
            for node, output in (("Trainer", "model"), ("ExampleGen", "examples"))
        )
        process.begin(component.candidate(model, examples, features, self._settings.infra))

    @contextmanager
    def _step(self, name: str) -> Iterator[Any]:
        self._observer.started(name)
        begin = time.monotonic()
        decision, state = "", "done"

        def conclude(words: str, cached: bool = False) -> None:
            nonlocal decision, state
            decision, state = words, "cached" if cached else "done"

        try:
            with launch.explained(name):
                yield conclude
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        except BaseException:
            state = "failed"
            raise
        finally:
            step = Step(name, state, time.monotonic() - begin, decision)
            self._steps.append(step)
            self._observer.finished(step)


def _compile(pipeline: Any, run_id: str) -> Any:
    from tfx.dsl.compiler import compiler

    ir = compiler.Compiler().compile(pipeline)
    launch.substitute(ir, run_id)
    return ir
