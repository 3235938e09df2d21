"""Serving a candidate with the image that production uses; the engine is a stand-in."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from models import tfrecords
from pipeline.components.infra_check import docker
from pipeline.components.infra_check.report import Report
from tests.pipeline.components.infra_check import engine
from tests.pipeline.components.infra_check.conftest import LIMITS

_REPORT = Report(limits=LIMITS.model_copy(update={"seconds": 30}))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in for Docker on PATH; return the folder of its state."""
    command, state = tmp_path / "bin" / "docker", tmp_path / "engine"
    command.parent.mkdir()
    state.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{engine.__file__}" "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(engine.STATE, str(state))
    return state


@pytest.fixture(scope="module")
def rows(examples: tuple[Path, ...]) -> list[bytes]:
    """Rows of the eval split."""
    return list(tfrecords.read(examples[:1]))


@pytest.fixture(scope="module")
def scores(good_model: Path, rows: list[bytes]) -> np.ndarray:
    """The model's scores of the rows."""
    import tensorflow as tf

    model = tf.saved_model.load(str(good_model))
    return model.signatures["serving_default"](tf.constant(rows))["scores"].numpy()


def test_the_server_answers_as_a_session_does(
    good_model: Path, rows: list[bytes], scores: np.ndarray, state: Path
) -> None:
    report = docker.check(good_model, rows, scores, _REPORT, "tensorflow/serving:2.19.1")
    assert (report.problems, report.server) == ((), "tensorflow/serving:2.19.1")
    args = json.loads((state / "args.json").read_text())
    assert args[args.index("--publish") + 1] == "127.0.0.1::8501"
    assert args[args.index("--memory") + 1] == "1512000000b"
    assert not (state / "port").exists(), "the container is removed"


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("missing", "docker run failed: Unable to find image"),
        ("ends", "the server ended: Failed to start server: no model"),
        ("broken", "the model cannot be loaded: bad graph"),
        ("wrong", "its scores differ from those of a TensorFlow session"),
    ],
)
def test_what_the_server_refuses_is_a_problem(
    tag: str,
    problem: str,
    good_model: Path,
    rows: list[bytes],
    scores: np.ndarray,
    state: Path,
) -> None:
    image = f"tensorflow/serving:{tag}"
    report = docker.check(good_model, rows, scores, _REPORT, image)
    assert report.problems == (f"{image}: {problem}",)


def test_without_an_engine_the_report_says_so(
    good_model: Path, rows: list[bytes], scores: np.ndarray, state: Path
) -> None:
    (state / "down").touch()
    report = docker.check(good_model, rows, scores, _REPORT, "tensorflow/serving:2.19.1")
    assert report.passed
    assert report.server == "TensorFlow session; no Docker engine for tensorflow/serving:2.19.1"
