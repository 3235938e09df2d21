"""The versions that serve while folders and configuration change."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from serving.server import options
from serving.server.config import from_proto, from_text
from serving.server.errors import ServingError
from serving.server.metrics import Metrics
from serving.server.options import UnusableFlags
from serving.server.predictor import Predictor
from serving.server.protocols import grpc_server
from serving.server.servables.manager import ModelManager
from tests.serving.server.conftest import Server, serving

_SECONDS = 60
_FAST = ("--file_system_poll_wait_seconds=1", "--model_config_file_poll_wait_seconds=1")


def _publish(model: Path, base: Path, version: int) -> None:
    """Make a version appear in one rename, as the store does."""
    shutil.copytree(model, base / f".publishing-{version}")
    (base / f".publishing-{version}").rename(base / str(version))


def _config(base: Path, versions: list[int], **labels: int) -> str:
    specific = " ".join(f"versions: {version}" for version in versions)
    named = "".join(
        f'version_labels {{ key: "{label}" value: {version} }} '
        for label, version in labels.items()
    )
    return (
        f'model_config_list {{ config {{ name: "m" base_path: "{base}" '
        f"model_version_policy {{ specific {{ {specific} }} }} {named}}} }}"
    )


def _answer(server: Server, path: str = "") -> float | None:
    status, content = server.json(f"/v1/models/m{path}:predict", {"instances": [1]})
    return float(content["predictions"][0]) if status == 200 else None


@pytest.mark.slow
def test_a_new_version_takes_over_and_a_broken_one_does_not(
    command: str, exported: dict[int, Path], tmp_path: Path
) -> None:
    base = tmp_path / "m"
    base.mkdir()
    _publish(exported[1], base, 1)
    stop, failed = threading.Event(), []
    with serving(
        command,
        "--model_name=m",
        f"--model_base_path={base}",
        *_FAST[:1],
        "--max_num_load_retries=0",
    ) as server:
        server.wait("m", v1="AVAILABLE")

        def ask() -> None:
            while not stop.is_set():
                answer = _answer(server)
                if answer not in (0.5, 0.25):
                    failed.append(answer)

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        _publish(exported[2], base, 2)
        server.wait("m", v2="AVAILABLE", v1="END")
        assert _answer(server) == 0.25
        (base / "3").mkdir()
        (base / "3" / "saved_model.pb").write_bytes(b"no graph")
        server.wait("m", v3="END", v2="AVAILABLE")
        assert _answer(server) == 0.25
        stop.set()
        for thread in asking:
            thread.join()
        assert failed == []


@pytest.mark.slow
def test_the_config_file_is_followed_and_a_bad_one_is_not(
    command: str, exported: dict[int, Path], tmp_path: Path
) -> None:
    base, file = exported[1].parent, tmp_path / "models.config"
    file.write_text(_config(base, [1], stable=1))
    labels = "--allow_version_labels_for_unavailable_models=true"
    with serving(command, f"--model_config_file={file}", *_FAST, labels) as server:
        server.wait("m", v1="AVAILABLE")
        assert _answer(server, "/labels/stable") == 0.5
        assert _answer(server, "/versions/2") is None
        file.write_text(_config(base, [1, 2], stable=1))
        server.wait("m", v1="AVAILABLE", v2="AVAILABLE")
        assert _answer(server, "/labels/stable") == 0.5
        file.write_text(_config(base, [1, 2], stable=2, old=1))
        _until(lambda: _answer(server, "/labels/stable") == 0.25)
        assert _answer(server, "/labels/old") == 0.5
        file.write_text("no config {")
        # In TensorFlow Serving's words; said only after it was looked at.
        _until(lambda: "Invalid protobuf file" in server.said())
        assert server.states("m") == {1: "AVAILABLE", 2: "AVAILABLE"}
        assert _answer(server, "/labels/stable") == 0.25
        assert _answer(server, "/labels/old") == 0.5
        file.write_text(_config(base, [2], stable=2))
        server.wait("m", v1="END", v2="AVAILABLE")
        assert _answer(server, "/versions/1") is None


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come to that")


@pytest.mark.slow
def test_a_reload_request_waits_for_the_models(command: str, exported: dict[int, Path]) -> None:
    base = exported[1].parent
    flags = ("--model_name=first", f"--model_base_path={base}")
    with serving(command, *flags) as server:
        server.wait("first", v2="AVAILABLE")
        request = model_management_pb2.ReloadConfigRequest()
        model = request.config.model_config_list.config.add()
        model.name, model.base_path, model.model_platform = "second", str(base), "tensorflow"
        answer = server.models.HandleReloadConfigRequest(request)
        assert answer.status.error_code == 0, answer.status.error_message
        assert server.states("second") == {2: "AVAILABLE"}
        assert server.states("first") == {}, "what the request leaves out is let go"


def test_a_label_on_a_version_that_is_not_there_is_refused(
    exported: dict[int, Path], tmp_path: Path
) -> None:
    file = tmp_path / "models.config"
    base = exported[1].parent
    file.write_text(_config(base, [1]))
    manager = ModelManager(
        options.parse([f"--model_config_file={file}", "--file_system_poll_wait_seconds=0"])
    )
    manager.start()
    try:
        refused = "Request to assign label to version 2 of model m, which is not currently"
        with pytest.raises(ServingError, match=refused):
            manager.reload(from_text(_config(base, [1, 2], stable=2)))
        assert [version.number for version in manager.statuses("m", None, None)] == [1]
        manager.reload(from_text(_config(base, [1], stable=1)))
        with manager.lease("m", label="stable") as (_, version):
            assert version == 1
        manager.reload([])
        with pytest.raises(ServingError, match=r"Servable not found for request: Latest\(m\)"):
            manager.lease("m").__enter__()
    finally:
        manager.stop()


def test_a_server_does_not_start_with_a_model_that_has_no_good_version(tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    manager = ModelManager(
        options.parse([
            "--model_name=m", f"--model_base_path={tmp_path / 'm'}", "--max_num_load_retries=0"
        ])
    )  # fmt: skip
    args = r"1 servable\(s\) did not become available: \{\{\{name: m version: 1\} due to error: "
    with pytest.raises(ServingError, match=args):
        manager.start()
    manager.stop()


def test_a_label_in_use_never_moves_to_an_unloaded_version(
    exported: dict[int, Path], tmp_path: Path
) -> None:
    """A flag allows a label before its version; requests by a label in use never fail."""
    file = tmp_path / "models.config"
    base = exported[1].parent
    file.write_text(_config(base, [1], stable=1))
    args = [f"--model_config_file={file}", "--file_system_poll_wait_seconds=0"]
    strict = ModelManager(options.parse(args))
    with pytest.raises(ServingError, match="Request to assign label to version 1 of model m"):
        strict.start()
    manager = ModelManager(options.parse([*args, "--allow_version_labels_for_unavailable_models"]))
    manager.start()
    try:
        with pytest.raises(ServingError, match="Request to assign label to version 2 of model m"):
            manager.reload(from_text(_config(base, [2], stable=2)))
        manager.reload(from_text(_config(base, [1, 2], stable=1)))
        manager.reload(from_text(_config(base, [2], stable=2)))
        with manager.lease("m", label="stable") as (_, version):
            assert version == 2
    finally:
        manager.stop()


def test_a_version_in_use_is_not_let_go(exported: dict[int, Path], tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    base = exported[1].parent
    file.write_text(_config(base, [1]))
    manager = ModelManager(
        options.parse([f"--model_config_file={file}", "--file_system_poll_wait_seconds=0"])
    )
    manager.start()
    with manager.lease("m") as (servable, _):
        reload = threading.Thread(target=manager.reload, args=[from_text(_config(base, [2]))])
        reload.start()
        _until(lambda: manager.statuses("m", 1, None)[0].state == "UNLOADING")
        assert servable.run("serving_default", {"x": np.float32([2])})["y"].tolist() == [1.0]
        with manager.lease("m") as (_, version):
            assert version == 2
    reload.join()
    assert manager.statuses("m", 1, None)[0].state == "END"
    manager.stop()


@pytest.mark.parametrize(
    ("config", "args"),
    [
        ("", "Expected model server config to be a model_config_list"),
        ("nonsense", "Invalid protobuf file"),
        (
            'model_config_list { config { name: "m" } config { name: "m" } }',
            "Illegal to list model m multiple times in config list",
        ),
        (
            'model_config_list { config { name: "m" model_platform: "torch" } }',
            "Unknown model platform torch",
        ),
        (
            'model_config_list { config { name: "m" model_version_policy { specific {} } } }',
            "No specific versions requested for servable m.",
        ),
    ],
)
def test_a_configuration_that_cannot_be_used_says_why(config: str, args: str) -> None:
    with pytest.raises(ServingError, match=args):
        from_text(config)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", [7]),
        ("latest { num_versions: 2 }", [3, 7]),
        ("all {}", [1, 3, 7]),
        ("specific { versions: 1 versions: 9 }", [1]),
    ],
)
def test_a_policy_chooses_versions(policy: str, expected: list[int]) -> None:
    config = model_server_config_pb2.ModelServerConfig()
    from google.protobuf import text_format

    text = f'model_config_list {{ config {{ name: "m" model_version_policy {{ {policy} }} }} }}'
    [model] = from_proto(text_format.Parse(text, config))
    assert model.select([7, 1, 3]) == expected


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "there is no model"),
        (["--prot=1"], "--prot"),
        (["--port=many", "--model_base_path=/m"], "port"),
        (["--use_alts_credentials=true"], "--use_alts_credentials is a flag of TensorFlow Serving"),
        (["--model_base_path=/m", "--batching_parameters_file=f"], "there is no file f"),
        (["--model_base_path=/m", "--request_log_sampling_rate=2"], "expected a share"),
        (["--model_base_path=/m", "--rest_api_num_threads=0"], "expected at least 1"),
        (["--model_config_file=/none"], "there is no file /none"),
        (["--model_base_path=/m", "--enable_model_warmup=perhaps"], "expected true or false"),
        (["--model_base_path=/m", "--grpc_channel_arguments=a=1,b"], "expected name=value, .*'b'"),
    ],
)
def test_a_flag_that_cannot_be_used_is_named(args: list[str], message: str) -> None:
    with pytest.raises(UnusableFlags, match=message):
        options.parse(args)


def test_flags_are_read_as_tf_serving_reads_them() -> None:
    parsed = options.parse(
        ["--model_base_path=/m", "--port", "9000", "--enable_grpc_healthcheck_service"]
    )
    assert (parsed.port, parsed.enable_grpc_healthcheck_service) == (9000, True)
    assert not options.parse(
        ["--model_base_path=/m", "--enable_model_warmup=0"]
    ).enable_model_warmup


def test_grpc_gets_numbers_as_integers() -> None:
    parsed = options.Options(grpc_channel_arguments="grpc.max_connection_age_ms=30000,a=b=c,")
    assert parsed.channel_arguments == [("grpc.max_connection_age_ms", 30_000), ("a", "b=c")]


def test_a_connection_is_asked_to_move_when_it_is_old(tmp_path: Path) -> None:
    given = options.Options(
        port=0,
        model_base_path=str(tmp_path),
        grpc_channel_arguments="grpc.max_connection_age_ms=100",
    )
    manager, counts = ModelManager(given), Metrics()
    server, port = grpc_server.serve(manager, Predictor(manager, counts), counts, given)
    ready, idle = threading.Event(), threading.Event()

    def note(state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.READY:
            ready.set()
        elif state is grpc.ChannelConnectivity.IDLE and ready.is_set():
            idle.set()

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        channel.subscribe(note, try_to_connect=True)
        assert ready.wait(_SECONDS)
        assert idle.wait(_SECONDS)
    server.stop(None)
