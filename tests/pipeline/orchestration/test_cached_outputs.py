"""A node runs again when its cached outputs are outdated, and is cached afterwards."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.orchestration import metadata as tfx_metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import cache_utils
from tfx.types import ComponentSpec, channel_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter

from pipeline.metadata import executions, properties
from pipeline.orchestration import launch


class _Executor(BaseExecutor):
    """Bless when the machine is idle, which a file states."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:  # noqa: N802 (TFX)
        [blessing] = output_dict["blessing"]
        folder = Path(blessing.uri)
        folder.mkdir(parents=True, exist_ok=True)
        idle = (folder.parents[3] / "idle").exists()
        blessing.set_int_custom_property(properties.BLESSED, int(idle))


class _Spec(ComponentSpec):
    PARAMETERS: ClassVar[dict[str, Any]] = {}
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)
    }


class _Check(BaseComponent):
    SPEC_CLASS = _Spec
    EXECUTOR_SPEC = ExecutorClassSpec(_Executor)

    def __init__(self) -> None:
        channel = channel_utils.as_channel([standard_artifacts.InfraBlessing()])
        super().__init__(_Spec(blessing=channel))


@pytest.fixture
def connection(tmp_path: Path) -> mlmd.ConnectionConfig:
    return tfx_metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))


def _run(folder: Path, connection: mlmd.ConnectionConfig, run_id: str) -> tuple[Any, int]:
    """Launch the component; return the state of its execution, and the id of its artifact."""
    pipeline = Pipeline(
        pipeline_name="flights",
        pipeline_root=str(folder / "artifacts"),
        components=[_Check()],
        enable_cache=True,
        metadata_connection_config=connection,
    )
    ir = Compiler().compile(pipeline)
    launch.substitute(ir, run_id)
    store = metadata_store.MetadataStore(connection)
    beam: Any = SimpleNamespace(operators=None)
    number = launch.launch(ir, ir.nodes[0].pipeline_node, store, connection, beam)
    events = store.get_events_by_execution_ids([number])
    assert len(events) == 1, "an outdated artifact stayed an output of the execution"
    artifact = executions.outputs(store, number)["blessing"]
    return executions.state(store, number), artifact.id


def test_an_outdated_output_is_made_again_once(
    tmp_path: Path, connection: mlmd.ConnectionConfig
) -> None:
    stock = cache_utils.get_cached_outputs
    _, busy = _run(tmp_path, connection, "1")
    (tmp_path / "idle").touch()
    state, blessed = _run(tmp_path, connection, "2")
    assert (state, blessed) == (mlmd.Execution.COMPLETE, busy + 1)
    assert _run(tmp_path, connection, "3") == (mlmd.Execution.CACHED, blessed)
    assert cache_utils.get_cached_outputs is stock


def test_no_output_is_reused_when_tfx_s_lookup_has_changed(
    tmp_path: Path,
    connection: mlmd.ConnectionConfig,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stock = cache_utils.get_cached_outputs

    def changed(handle: Any, cache_context: Any) -> Any:
        """Look up as TFX does, under the signature of a later release."""
        return stock(handle, cache_context)

    _, first = _run(tmp_path, connection, "1")
    monkeypatch.setattr(cache_utils, "get_cached_outputs", changed)
    assert _run(tmp_path, connection, "2") == (mlmd.Execution.COMPLETE, first + 1)
    assert cache_utils.get_cached_outputs is changed
    assert "get_cached_outputs is not patched because expected tfx." in caplog.text
    assert "; no component reuses cached outputs." in caplog.text
