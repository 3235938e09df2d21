"""`taxiway export onnx` on a run of real flights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import PROJECT, Run, taxiway


def _export(run: Run, *words: str | Path) -> Any:
    done = taxiway("export", "onnx", *words, "--workspace", run.workspace, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_published_version_is_exported_and_answers_raw_rows(
    flights_run: Run, tmp_path: Path
) -> None:
    found = _export(flights_run, "stable", "--output", tmp_path)
    assert (found["written"], found["rows"]) == (True, 10_000)
    assert found["difference"] <= 1e-5
    page = (PROJECT / "docs" / "onnx.md").read_text()
    [code] = [each.partition("```")[0] for each in page.split("```python\n")[1:]]
    names: dict[str, Any] = {}
    paths = {
        "workspace/models/flights/1": str(flights_run.workspace / "models" / "flights" / "1"),
        "workspace/onnx/flights/1/model.onnx": found["model"],
    }
    for written, real in paths.items():
        assert written in code
        code = code.replace(written, real)
    exec(code, names)
    assert names["scores"].shape == (1,)
    import tensorflow as tf

    signatures = tf.saved_model.load(paths["workspace/models/flights/1"]).signatures
    served = signatures["serving_default"](examples=tf.constant(names["rows"]))["scores"]
    np.testing.assert_allclose(names["scores"], served.numpy(), atol=1e-5)


@pytest.mark.slow
def test_a_version_that_is_not_there_or_was_changed_is_not_exported(
    flights_run: Run, tmp_path: Path
) -> None:
    words = ("export", "onnx", "--workspace", flights_run.workspace)
    done = taxiway(*words, "7", "--output", tmp_path)
    assert done.returncode == 2
    assert "there is no version 7; there is 1, stable" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_published_version_the_next_step_is_a_run(tmp_path: Path) -> None:
    done = taxiway("export", "onnx", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "no version is published yet" in done.stderr
    assert "taxiway run" in done.stderr
