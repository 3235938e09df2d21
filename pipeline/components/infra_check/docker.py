"""Serve a candidate with the real TensorFlow Serving, where there is a Docker engine."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.components.infra_check.rehearsal import SCORES, TOLERANCE
from pipeline.components.infra_check.report import Report
from serving.validation.inputs import DEFAULT

_NAME = "candidate"
_REST_PORT = "8501"
_POLL_SECONDS = 0.2

# TensorFlow Serving's own, without any model.
_SERVER_MEMORY_BYTES = 512 * 10**6


class _Problem(Exception):
    pass


def check(
    model: Path, rows: Sequence[bytes], scores: npt.NDArray[Any], found: Report, image: str
) -> Report:
    """Let TensorFlow Serving load a candidate and answer real rows.

    Args:
      model: the SavedModel's folder.
      rows: serialized examples.
      scores: what a session answered to them.
      found: the report so far.
      image: of tensorflow/serving.

    Returns:
      The report with what came of it; it says so when there is no Docker engine.
    """
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True).returncode != 0:
        return found.model_copy(update={"server": f"{found.server}; no Docker engine for {image}"})
    deadline = time.monotonic() + found.limits.seconds
    memory = found.limits.memory_bytes + _SERVER_MEMORY_BYTES
    try:
        with _container(docker, model, image, memory) as (container, address):
            _wait(docker, container, address, deadline)
            body = {
                "signature_name": DEFAULT,
                "inputs": [{"b64": base64.b64encode(row).decode()} for row in rows],
            }
            answer = _call(f"{address}:predict", deadline, body)
    except (_Problem, OSError, ValueError) as error:
        return found.but_for(f"{image}: {error}")
    found = found.model_copy(update={"server": image})
    served = np.array(_scores(answer.get("outputs")), np.float64).reshape(-1)
    if served.shape != scores.shape or not np.allclose(served, scores, rtol=0, atol=TOLERANCE):
        return found.but_for(f"{image}: its scores differ from those of a TensorFlow session")
    return found


def _scores(outputs: Any) -> Any:
    # With a single output TF Serving leaves its name out.
    return outputs.get(SCORES, []) if isinstance(outputs, dict) else outputs


@contextmanager
def _container(docker: str, model: Path, image: str, memory: int) -> Iterator[tuple[str, str]]:
    """Run a container; yield its id and its model's REST address."""
    container = _run(
        docker, "run", "--detach", "--memory", f"{memory}b",
        "--publish", f"127.0.0.1::{_REST_PORT}",
        "--mount", f"type=bind,source={model.resolve()},target=/models/{_NAME}/1,readonly",
        "--env", f"MODEL_NAME={_NAME}", image,
    )  # fmt: skip
    try:
        port = _run(docker, "port", container, f"{_REST_PORT}/tcp").splitlines()[0]
        yield container, f"http://{port}/v1/models/{_NAME}"
    finally:
        subprocess.run([docker, "rm", "--force", container], capture_output=True, check=False)


def _run(docker: str, *words: str) -> str:
    done = subprocess.run([docker, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise _Problem(f"docker {words[0]} failed: {lines[-1]}")
    return done.stdout.strip()


def _wait(docker: str, container: str, address: str, deadline: float) -> None:
    """Wait until the model can be called."""
    while time.monotonic() < deadline:
        try:
            (status,) = _call(address, deadline)["model_version_status"]
            if status["state"] == "AVAILABLE":
                return
            if status["status"].get("error_code", "OK") != "OK":
                raise _Problem(f"the model cannot be loaded: {status['status']['error_message']}")
        except (OSError, KeyError):  # the server is not there yet, or has not seen the model
            if _run(docker, "inspect", "--format", "{{.State.Running}}", container) != "true":
                last = _run(docker, "logs", "--tail", "1", container)
                raise _Problem(f"the server ended: {last}") from None
        time.sleep(_POLL_SECONDS)
    raise _Problem("the model was not loaded in time")


def _call(address: str, deadline: float, body: Any = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=max(0.1, deadline - time.monotonic())) as got:
            return dict(json.load(got))
    except urllib.error.HTTPError as error:
        if body is None:
            raise
        raise _Problem(f"a call fails: {error.read().decode(errors='replace')}") from error
