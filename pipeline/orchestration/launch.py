"""Launch a node of a compiled pipeline, and explain how it failed."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import (
    READ_THE_LOG,
    InfrastructureError,
    TaxiwayError,
    in_a_line,
)
from pipeline.orchestration import machine
from pipeline.project import import_path
from pipeline.registry.errors import as_cli_errors

if TYPE_CHECKING:
    from pipeline.beam.patches import Patch
    from pipeline.beam.work import BeamExecutor

# Characters of a library's message; some list every file that could not be written.
_LONGEST = 200

# Packages that a project with its own data and model does not change.
_MACHINERY = frozenset({"pipeline", "schema", "serving", "__main__"})


def substitute(ir: Any, run_id: str) -> None:
    """Put a run's id into a compiled pipeline.

    Args:
      ir: compiled pipeline; changed in place.
      run_id: TFX pipeline run id.
    """
    from tfx.dsl.compiler import constants
    from tfx.orchestration.portable import runtime_parameter_utils

    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )


def launch(ir: Any, node: Any, store: Any, connection: Any, beam: BeamExecutor) -> int:
    """Run a node with TFX's own launcher: driver, cache, executor, publisher.

    Args:
      ir: compiled pipeline with the run's id, or the spec of a node.
      node: node of the compiled pipeline.
      store: ML Metadata store.
      connection: connection to ML Metadata.
      beam: executor of the node's Beam work.

    Returns:
      The id of an execution that is complete or cached.

    Raises:
      InfrastructureError: the inputs of the node are missing.
    """
    from tfx.orchestration import metadata as tfx_metadata
    from tfx.orchestration.local import runner_utils
    from tfx.orchestration.portable import launcher

    from pipeline.metadata import executions

    name = node.node_info.id
    deployment = runner_utils.extract_local_deployment_config(ir)
    task = launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=tfx_metadata.Metadata(connection),
        pipeline_info=ir.pipeline_info,
        pipeline_runtime_spec=ir.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, name),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        custom_executor_operators=beam.operators,
    )
    with _current_outputs_only(store).applied() as checked:
        if not checked:
            node.execution_options.caching_options.enable_cache = False
        number = int(task.launch().execution_id or 0)
    if not number or executions.state(store, number) not in executions.SUCCESSFUL:
        raise InfrastructureError(f"{name} could not run: its inputs are missing.")
    return number


def _current_outputs_only(store: Any) -> Patch:
    """Return a patch that lets TFX's cache return no outdated outputs.

    The check must come before TFX publishes the cached outputs. Afterwards they would stay outputs
    of the execution, beside those of its second launch, and no later run could reuse it.
    """
    from tfx.orchestration.portable import cache_utils

    from pipeline.beam.patches import Function, Patch
    from pipeline.metadata import artifacts

    stock = cache_utils.get_cached_outputs

    def current(metadata_handle: Any, cache_context: Any) -> Any:
        while (cached := stock(metadata_handle, cache_context)) is not None:
            ids = [artifact.id for outputs in cached.values() for artifact in outputs]
            if not artifacts.discard_outdated(store, store.get_artifacts_by_id(ids)):
                break
        return cached

    return Patch(
        Function(cache_utils, "get_cached_outputs", ("metadata_handle", "cache_context")),
        current,
        otherwise="no component reuses cached outputs",
    )


@contextmanager
def explain_errors(name: str) -> Iterator[None]:
    """Turn any exception of a step into an error that a user can read.

    Args:
      name: name of the step.

    Raises:
      TaxiwayError: the block raised any other exception than KeyboardInterrupt.
    """
    try:
        with as_cli_errors():
            yield
    except TaxiwayError:
        raise
    except (Exception, SystemExit) as error:  # libraries that read flags end the process
        refused = machine.explain(error)
        if refused is not None:
            what, next_step = refused
            raise InfrastructureError(
                f"{name} failed because {what} ({in_a_line(error)[:_LONGEST]}).", next_step
            ) from error
        location = _location(error)
        raise InfrastructureError(
            f"{name} failed: {in_a_line(error)}{f' ({location})' if location else ''}",
            _next_step(error, location),
        ) from error


def _next_step(error: BaseException, location: str) -> str:
    text = str(error)
    of_the_machine = isinstance(error, OSError | MemoryError) or (
        type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's
    )
    if "run_fn failed to generate model" in text:  # TFX's Trainer
        return "let train.run_fn export to fn_args.serving_model_dir (docs/own-code.md)"
    # Keras 3 writes no SavedModel with `save`, and advises a file that nothing can serve.
    if isinstance(error, ValueError) and ("save_format" in text or "filepath extension" in text):
        return "export with keras.export.ExportArchive (docs/own-code.md), and run again"
    if location and not of_the_machine:
        return "fix that file, and run again; completed components are not repeated"
    return READ_THE_LOG


def _location(error: BaseException) -> str:
    """Return the file and line of the user's own code that failed; "" for other code."""
    location, folders = "", [Path.cwd(), *filter(None, [import_path.own_folder()])]
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = Path(frame.f_code.co_filename)
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        for folder in folders if package not in _MACHINERY else ():
            if file.is_relative_to(folder):
                inside = file.relative_to(folder)
                if not {"site-packages", "lib"} & set(inside.parts):  # an environment in the folder
                    location = f"{inside}, line {line}"
                break
    return location
