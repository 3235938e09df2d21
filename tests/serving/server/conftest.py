"""A server in a separate process, started with TensorFlow Serving's flags."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.ports import free_port
from tests.serving.server.models import export

_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server's addresses.

    Args:
      rest: of REST, without a path.
      channel: of gRPC.
      pid: its process.
      log: file of what it prints.
    """

    rest: str
    channel: grpc.Channel
    pid: int
    log: Path

    @property
    def prediction(self) -> Any:
        """Stub of the PredictionService."""
        return prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    @property
    def models(self) -> Any:
        """Stub of the ModelService."""
        return model_service_pb2_grpc.ModelServiceStub(self.channel)

    def call(
        self,
        path: str,
        body: Any = None,
        method: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Send a REST request; return status and text."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.rest + path,
            data,
            headers or {},
            method=method or ("GET" if data is None else "POST"),
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a REST request; return status and content."""
        status, text = self.call(path, body)
        return status, json.loads(text)

    def states(self, model: str) -> dict[int, str]:
        """Return the state by version of a model."""
        status, content = self.json(f"/v1/models/{model}")
        if status != 200:
            return {}
        return {int(e["version"]): e["state"] for e in content["model_version_status"]}

    def said(self) -> str:
        """Return the server's output so far."""
        return self.log.read_text("utf-8", "replace")

    def memory(self) -> int:
        """Return the bytes that the server occupies."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def wait(self, model: str, **states: str) -> None:
        """Wait until versions have states: `v1="AVAILABLE"`."""
        expected = {int(name[1:]): state for name, state in states.items()}
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                states_now = self.states(model)
            except OSError:
                states_now = {}
            if expected.items() <= states_now.items():
                return
            time.sleep(0.05)
        raise AssertionError(f"{states_now}, {expected} expected")


@contextmanager
def serving(command: str, *flags: str) -> Iterator[Server]:
    """Start a server with TensorFlow Serving's flags; end it afterwards."""
    port, rest_port = free_port(), free_port()
    args = [*shlex.split(command), f"--port={port}", f"--rest_api_port={rest_port}", *flags]
    # A file and no pipe, which would hold up a server that prints more than fits.
    with tempfile.NamedTemporaryFile(prefix="taxiway-server-") as log:
        process = subprocess.Popen(args, stdout=log, stderr=subprocess.STDOUT)
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        try:
            grpc.channel_ready_future(channel).result(_SECONDS)
            yield Server(f"http://127.0.0.1:{rest_port}", channel, process.pid, Path(log.name))
        finally:
            channel.close()
            process.terminate()
            process.wait(_SECONDS)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Two versions that answer differently."""
    folder = tmp_path_factory.mktemp("exported")
    return {
        number: export(folder / str(number), factor) for number, factor in ((1, 0.5), (2, 0.25))
    }


@pytest.fixture(scope="session")
def server(
    command: str, exported: dict[int, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server of both versions, with labels, and of a model whose files are damaged."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "broken" / "1").mkdir(parents=True)
    (folder / "broken" / "1" / "saved_model.pb").write_bytes(b"no graph")
    good = f"""
      config {{
        name: "contract"
        base_path: "{exported[1].parent}"
        model_platform: "tensorflow"
        model_version_policy {{ all {{}} }}
        version_labels {{ key: "stable" value: 1 }}
        version_labels {{ key: "canary" value: 2 }}
      }}
    """
    broken = f'config {{ name: "broken" base_path: "{folder}/broken" }}'
    config = folder / "models.config"
    config.write_text(f"model_config_list {{ {good} }}")
    monitoring = folder / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    with serving(
        command,
        f"--model_config_file={config}",
        f"--monitoring_config_file={monitoring}",
        "--max_num_load_retries=0",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_grpc_healthcheck_service=true",
    ) as started:
        started.wait("contract", v1="AVAILABLE", v2="AVAILABLE")
        # A server does not start with a model that has no good version, but may get one later.
        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(f"model_config_list {{ {good} {broken} }}", request.config)
        answer = started.models.HandleReloadConfigRequest(request, timeout=_SECONDS)
        assert answer.status.error_code != 0
        yield started
