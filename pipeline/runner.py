"""Run the pipeline on this machine."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline import interrupts, lock, recording
from pipeline.errors import DataRefused, InfrastructureError, NotBlessed, TaxiwayError, UsageError
from pipeline.progress import Observer, Step
from pipeline.records import RunRecord
from pipeline.refusals import SCHEMA_KINDS
from pipeline.settings import Settings, explain
from pipeline.workspace import Workspace
from serving.errors import DamagedModel, StoreError

if TYPE_CHECKING:
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
      UsageError: features, schema or source settings are wrong.
      DataRefused: the data is not what the schema says.
      NotBlessed: the model missed a bound.
      InfrastructureError: a component failed.
    """
    workspace = Workspace(settings.workspace, settings.name)
    with lock.exclusive(workspace.lock_file):
        return _Run(
            settings, workspace, observer, tune, warm_start, log_file, schema_diff
        ).execute()


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
            self._point_to_schema(error)
            error.report = record(error).report
            raise
        except BaseException as error:
            record(error)
            raise
        return record(None)

    def _execute(self) -> None:
        features, schema, policy = self._features(), self._schema(), self._policy()
        self._columns = (features.label, *features.inputs)
        self._check_columns(features, schema)
        self._check_run_fn()
        data = self._lay_out_data(schema)
        with self._step("Start") as start:
            # TFX and TensorFlow take seconds to import; nothing before this needs them.
            from pipeline import fingerprint, metadata, speedups
            from pipeline.graph import create_pipeline

            speedups.install()
            pipeline = create_pipeline(
                settings=self._settings,
                features=features,
                policy=policy,
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
            interrupted = metadata.close_interrupted(store, self._workspace.artifacts)
            metadata.forget_missing(store)
            metadata.reserve_lost(store, self._workspace)
            self._check_warm_start(store, features)
            start(
                f"{interrupted} interrupted components of an earlier run closed"
                if interrupted
                else ""
            )
        with interrupts.remembered() as check_interrupt:
            for node in ir.nodes:
                self._launch(ir, node.pipeline_node, store, features)
                check_interrupt()
        self._check_pushed()

    def _point_to_schema(self, error: TaxiwayError) -> None:
        """Name the command that looks at the schema, where another one could let the data pass."""
        if isinstance(error, DataRefused) and any(
            found.kind in SCHEMA_KINDS for found in error.findings
        ):
            error.next_step = (
                f"{self._schema_diff}   (the change of the schema that would let the data pass)"
            )

    def _schema(self) -> Any:
        from schema import columns

        file = self._settings.schema_file
        try:
            return columns.load(file)
        except (OSError, ValueError) as error:
            raise UsageError(f"{file}: not a usable schema: {error}") from error

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
            first, last = layout.train_spans[0], layout.train_spans[-1]
            step(
                f"train {first}"
                + (f" to {last}" if last != first else "")
                + f", eval {layout.span}"
                + ("" if len(layout.train_spans) == settings.window else "; no earlier spans")
            )
        return layout

    def _quarantine(self, error: DataRefused) -> None:
        from pipeline.refusals import write_quarantine

        if error.rows:
            error.quarantine = self._workspace.quarantine / f"{self._run_id}.csv"
            write_quarantine(error.quarantine, error.rows)

    def _features(self) -> Any:
        from models import features

        file = self._settings.features
        try:
            return features.load(file)
        except ValidationError as error:
            raise UsageError(f"{file}: {explain(error, features.Features)}") from error
        except (OSError, ValueError) as error:
            raise UsageError(f"{file}: not a usable features file: {error}") from error

    def _check_columns(self, features: Any, schema: Any) -> None:
        from models import columns

        wrong = "; ".join(columns.mismatches(features, schema))
        if wrong:
            raise UsageError(f"{self._settings.features}: {wrong} ({self._settings.schema_file})")

    def _check_run_fn(self) -> None:
        from pipeline import code

        path = self._settings.train.run_fn
        if not code.has_function(path):
            raise UsageError(
                f"train.run_fn: there is no function {path}.",
                "write it as package.module.function, as seen from the project's folder",
            )

    def _check_warm_start(self, store: Any, features: Any) -> None:
        from models import warm_start
        from pipeline import metadata
        from pipeline.blessed import latest_blessed_model

        if not self._warm_start:
            return
        base = latest_blessed_model(store)
        if base is None:
            raise UsageError(
                f"--warm-start: no model is blessed yet in {self._workspace.root}.", "taxiway run"
            )
        folder = Path(metadata.beside(base.uri, "model_run"))
        train = self._settings.train.model_dump(mode="json")
        wrong = "; ".join(warm_start.differences(folder, features, train))
        if wrong:
            raise UsageError(
                f"--warm-start: the latest blessed model, {base.uri}, cannot be gone on from: "
                f"{wrong}.",
                "taxiway run, without --warm-start",
            )

    def _policy(self) -> Any:
        from schema import policy

        file = self._settings.policy_file
        try:
            return policy.load(file)
        except ValidationError as error:
            raise UsageError(f"{file}: {explain(error, policy.Policy)}") from error
        except (OSError, ValueError) as error:
            raise UsageError(f"{file}: not a usable policy: {error}") from error

    def _launch(self, ir: Any, node: Any, store: Any, features: Any) -> None:
        from ml_metadata.proto import metadata_store_pb2 as mlmd
        from tfx.orchestration import metadata as tfx_metadata
        from tfx.orchestration.local import runner_utils
        from tfx.orchestration.portable import launcher

        from pipeline import decisions, metadata
        from pipeline.infra import process

        name = node.node_info.id
        deployment = runner_utils.extract_local_deployment_config(ir)
        with self._step(name) as step:
            execution = launcher.Launcher(
                pipeline_node=node,
                mlmd_connection=tfx_metadata.Metadata(
                    deployment.metadata_connection_config.database_connection_config
                ),
                pipeline_info=ir.pipeline_info,
                pipeline_runtime_spec=ir.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, name),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            ).launch()
            outcome = metadata.state(store, execution.execution_id)
            if outcome not in (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED):
                raise InfrastructureError(f"{name} could not run: its inputs are not there.")
            outputs = self._outputs[name] = metadata.outputs(store, execution.execution_id)
            if name == "Transform" and outcome == mlmd.Execution.COMPLETE:
                # Then the Trainer runs too, and leaves a core free.
                process.prepare()
            if name == "Trainer" and outcome == mlmd.Execution.COMPLETE:
                self._begin_rehearsal(features)
            step(decisions.describe(name, outputs), cached=outcome == mlmd.Execution.CACHED)
            decisions.check(name, outputs, self._settings.schema_file)

    def _begin_rehearsal(self, features: Any) -> None:
        """Let InfraCheck's work go on beside the Evaluator, which leaves a core free."""
        from pipeline.infra import component, process

        model, examples = (
            self._outputs[node][output].uri
            for node, output in (("Trainer", "model"), ("ExampleGen", "examples"))
        )
        process.begin(component.candidate(model, examples, features, self._settings.infra))

    def _check_pushed(self) -> None:
        from pipeline import evaluation
        from pipeline.infra import report

        if self._outputs["Pusher"]["pushed_model"].custom_properties["pushed"].int_value:
            return
        served = report.read(Path(self._outputs["InfraCheck"]["blessing"].uri))
        missed = evaluation.failures(self._outputs["Evaluator"]["evaluation"].uri)
        raise NotBlessed(
            f"the model {'is not good enough' if missed else 'cannot be served'}, "
            "nothing was published:",
            "change the model, its data, or the bounds under [evaluate]"
            if missed
            else "correct the model, or change the limits under [infra]",
            (*missed, *served.problems),
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[Any]:
        self._observer.started(name)
        begin = time.monotonic()
        decision, state = "", "done"

        def conclude(words: str, cached: bool = False) -> None:
            nonlocal decision, state
            decision, state = words, "cached" if cached else "done"

        try:
            yield conclude
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        except TaxiwayError:
            state = "failed"
            raise
        except StoreError as error:
            state = "failed"
            refused = NotBlessed if isinstance(error, DamagedModel) else InfrastructureError
            raise refused(f"{error.where}: {error.what}.", error.next_step) from error
        except Exception as error:
            state = "failed"
            raise InfrastructureError(
                f"{name} failed: {_first_line(error)}", "taxiway doctor"
            ) from error
        finally:
            step = Step(name, state, time.monotonic() - begin, decision)
            self._steps.append(step)
            self._observer.finished(step)


def _compile(pipeline: Any, run_id: str) -> Any:
    from tfx.dsl.compiler import compiler, constants
    from tfx.orchestration.portable import runtime_parameter_utils

    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    return ir


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
