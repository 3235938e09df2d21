"""Launch one node of a compiled pipeline, and say in our words how it failed."""

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
from pipeline.registry.errors import as_cli_errors

if TYPE_CHECKING:
    from pipeline.beam.work import BeamExecutor

# Packages that nobody changes to bring data and a model of their own.
_MACHINERY = frozenset({"pipeline", "schema", "serving", "__main__"})


def substitute(ir: Any, run_id: str) -> None:
    """Put a run's id into a compiled pipeline.

    Args:
      ir: the compiled pipeline; changed in place.
      run_id: the TFX pipeline run id.
    """
    from tfx.dsl.compiler import constants
    from tfx.orchestration.portable import runtime_parameter_utils

    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )


def launch(ir: Any, node: Any, store: Any, connection: Any, work: BeamExecutor) -> int:
    """Run a node with TFX's own launcher: driver, cache, executor, publisher.

    Args:
      ir: the compiled pipeline, with its run id.
      node: of it.
      store: ML Metadata.
      connection: how ML Metadata is reached.
      work: where Beam's is done.

    Returns:
      The execution's id; it is complete or cached.

    Raises:
      InfrastructureError: its inputs are missing.
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
        custom_executor_operators=work.operators,
    )
    while True:
        number = int(task.launch().execution_id or 0)
        if not number or executions.state(store, number) not in executions.SUCCESSFUL:
            raise InfrastructureError(f"{name} could not run: its inputs are missing.")
        if not _discard_outdated(store, number):
            return number


def _discard_outdated(store: Any, number: int) -> bool:
    """Cancel a cached execution whose outputs are outdated; return whether it was canceled."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    from pipeline.metadata import artifacts, executions

    (execution,) = store.get_executions_by_id([number])
    if execution.last_known_state != mlmd.Execution.CACHED:
        return False
    if not artifacts.discard_outdated(store, executions.outputs(store, number).values()):
        return False
    execution.last_known_state = mlmd.Execution.CANCELED
    store.put_executions([execution])
    return True


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what a step raises into what a user can read.

    Args:
      name: of the step.

    Raises:
      TaxiwayError: for every other exception; Ctrl-C stays what it is.
    """
    try:
        with as_cli_errors():
            yield
    except TaxiwayError:
        raise
    except (Exception, SystemExit) as error:  # libraries that read flags end the process
        place = _place(error)
        of_the_machine = isinstance(error, OSError | MemoryError) or (
            type(error).__name__ == "ResourceExhaustedError"  # TensorFlow's
        )
        raise InfrastructureError(
            f"{name} failed: {in_a_line(error)}{f' ({place})' if place else ''}",
            "correct that file; what was done before is not done again"
            if place and not of_the_machine
            else READ_THE_LOG,
        ) from error


def _place(error: BaseException) -> str:
    """Say where in the user's own code it happened; "" when it was not there."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = Path(frame.f_code.co_filename)
        package = str(frame.f_globals.get("__name__")).partition(".")[0]
        if package not in _MACHINERY and file.is_relative_to(Path.cwd()):
            inside = file.relative_to(Path.cwd())
            if not {"site-packages", "lib"} & set(inside.parts):  # an environment in the folder
                place = f"{inside}, line {line}"
    return place
