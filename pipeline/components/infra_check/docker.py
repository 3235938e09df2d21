"""Serve a candidate with the real TensorFlow Serving if a Docker engine is available."""

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

from pipeline.components.infra_check.calls import TOLERANCE
from pipeline.components.infra_check.report import Report
from serving.validation.inputs import DEFAULT
from serving.validation.signatures import score_output

_NAME = "candidate"
_REST_PORT = "8501"
_POLL_SECONDS = 0.2

# TensorFlow Serving needs this much memory without a model.
_SERVER_MEMORY_BYTES = 512 * 10**6


class _Problem(Exception):
    pass


def check(
    model: Path, rows: Sequence[bytes], scores: npt.NDArray[Any], report: Report, image: str
) -> Report:
    """Load a candidate in TensorFlow Serving and compare its scores for real rows.

    Args:
      model: folder of the SavedModel.
      rows: serialized examples.
      scores: a TensorFlow session's scores for the rows.
      report: the report so far.
      image: name of a tensorflow/serving image.

    Returns:
      The report with the server's problems; without a Docker engine it states that there is none.
    """
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True).returncode != 0:
        return report.model_copy(
            update={"server": f"{report.server}; no Docker engine for {image}"}
        )
    deadline = time.monotonic() + report.limits.seconds
    memory = report.limits.memory_bytes + _SERVER_MEMORY_BYTES
    try:
        with _container(docker, model, image, memory) as (container, address):
            _wait(docker, container, address, deadline)
            body = {
                "signature_name": DEFAULT,
                "inputs": [{"b64": base64.b64encode(row).decode()} for row in rows],
            }
            answer = _call(f"{address}:predict", deadline, body)
    except (_Problem, OSError, ValueError) as error:
        return report.with_problems(f"{image}: {error}")
    report = report.model_copy(update={"server": image})
    served = np.array(_scores(answer.get("outputs")), np.float64).reshape(-1)
    if served.shape != scores.shape or not np.allclose(served, scores, rtol=0, atol=TOLERANCE):
        return report.with_problems(
            f"{image}: its scores differ from those of a TensorFlow session"
        )
    return report


def _scores(outputs: Any) -> Any:
    # TensorFlow Serving omits the name of a single output.
    return outputs.get(score_output(outputs), []) if isinstance(outputs, dict) else outputs


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


def _run(docker: str, *args: str) -> str:
    result = subprocess.run([docker, *args], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise _Problem(f"docker {args[0]} failed: {lines[-1]}")
    return result.stdout.strip()


def _wait(docker: str, container: str, address: str, deadline: float) -> None:
    """Wait until the model is available."""
    while time.monotonic() < deadline:
        try:
            (status,) = _call(address, deadline)["model_version_status"]
            if status["state"] == "AVAILABLE":
                return
            if status["status"].get("error_code", "OK") != "OK":
                raise _Problem(f"the model cannot be loaded: {status['status']['error_message']}")
        except (OSError, KeyError):  # the server has not started, or has not listed the model
            if _run(docker, "inspect", "--format", "{{.State.Running}}", container) != "true":
                last = _run(docker, "logs", "--tail", "1", container)
                raise _Problem(f"the server ended: {last}") from None
        time.sleep(_POLL_SECONDS)
    raise _Problem("the model was not loaded in time")


def _call(address: str, deadline: float, body: Any = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(
            request, timeout=max(0.1, deadline - time.monotonic())
        ) as reply:
            return dict(json.load(reply))
    except urllib.error.HTTPError as error:
        if body is None:
            raise
        raise _Problem(f"a call fails: {error.read().decode(errors='replace')}") from error
