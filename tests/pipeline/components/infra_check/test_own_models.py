"""Dry runs of models that a user's own code exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.components.infra_check.dry_run import ANSWERS_FILE, run
from tests.pipeline.components.infra_check.conftest import MakeRequest


@pytest.fixture(scope="module")
def network() -> Any:
    """A network that reads one raw column."""
    import keras

    distance = keras.Input((1,), name="distance")
    return keras.Model({"distance": distance}, keras.layers.Dense(1, "sigmoid")(distance))


def _serve(network: Any) -> Any:
    import tensorflow as tf

    spec = {"distance": tf.io.FixedLenFeature([1], tf.float32)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="serialized")])
    def serve(rows: Any) -> dict[str, Any]:
        return {"outputs": network(tf.io.parse_example(rows, spec))}

    return serve


def test_input_and_score_may_have_any_name(
    network: Any, request_: MakeRequest, tmp_path: Path
) -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def norms(x: Any) -> dict[str, Any]:
        return {"norm": tf.norm(x, axis=1), "scores": 7 * tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def count(examples: Any) -> dict[str, Any]:
        return {"scores": tf.size(examples)}

    module, serve = tf.Module(), _serve(network)
    module.weights = [variable.value for variable in network.variables]
    tf.saved_model.save(
        module, str(tmp_path / "model"),
        signatures={"serving_default": serve, "norms": norms, "count": count},
    )  # fmt: skip
    request = request_(tmp_path / "model")
    report = run(request)
    assert report.problems == ()
    assert sorted(report.latency_ms) == ["count", "serving_default"]
    assert report.others == ("norms",)
    assert "30 by all 2 signatures, generated inputs by norms;" in report.summary()
    scores = np.load(request.folder / ANSWERS_FILE)["scores"]
    rows = np.arange(40, dtype=np.float32)[:, np.newaxis] / 10
    expected = network({"distance": rows}).numpy().reshape(-1)
    assert scores == pytest.approx(expected, abs=1e-5)


def test_a_model_that_reads_columns_as_keras_exports_it(
    network: Any, request_: MakeRequest, tmp_path: Path
) -> None:
    network.export(str(tmp_path / "model"), verbose=False)
    report = run(request_(tmp_path / "model"))
    assert report.problems == ()
    assert list(report.latency_ms) == ["serving_default", "serve"]  # two names of one


def test_variables_that_an_export_loses_are_explained(
    network: Any, request_: MakeRequest, tmp_path: Path
) -> None:
    """A Keras 3 model that `tf.saved_model.save` writes has no values in TensorFlow Serving."""
    import tensorflow as tf

    signatures = {"serving_default": _serve(network)}
    tf.saved_model.save(network, str(tmp_path / "model"), signatures=signatures)
    [problem] = run(request_(tmp_path / "model")).problems
    assert problem.startswith("serving_default: the variable ")
    assert "has no value after loading" in problem
    assert problem.endswith("export with keras.export.ExportArchive (docs/own-code.md)")
