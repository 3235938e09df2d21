"""A network in ONNX answers as the SavedModel does, or nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from serving.onnx import agreement, convert, triton
from serving.onnx.errors import Disagrees, NotConvertible, Taken
from serving.storage import local

_FACTS = {"model_id": "abc", "version": "1"}
_ROWS = {"features": np.linspace(-3, 3, 80, dtype=np.float32).reshape(40, 2)}


def _export(folder: Path, compute: Callable[[Any], dict[str, Any]]) -> Path:
    """Export a model whose signature `transformed` computes a function of two features."""
    module = tf.Module()
    module.weights = tf.Variable([[0.5], [-0.25]])
    spec = tf.TensorSpec([None, 2], tf.float32, name="features")
    function = tf.function(lambda features: compute(features @ module.weights))
    signatures = {"transformed": function.get_concrete_function(spec)}
    tf.saved_model.save(module, str(folder), signatures)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "1"
    return _export(
        folder, lambda x: {"scores": tf.reshape(tf.sigmoid(x), [-1]), "hidden": tf.nn.relu(x)}
    )


@pytest.fixture(scope="module")
def converted(model: Path) -> bytes:
    return convert.convert(model, _FACTS)


def test_the_signatures_names_and_facts_are_kept(converted: bytes) -> None:
    graph_model = onnx.load_from_string(converted)
    assert [value.name for value in graph_model.graph.input] == ["features"]
    assert [value.name for value in graph_model.graph.output] == ["hidden", "scores"]
    for value in (*graph_model.graph.input, *graph_model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {prop.key: prop.value for prop in graph_model.metadata_props} == _FACTS


def test_both_answer_the_same_rows(model: Path, converted: bytes) -> None:
    result = agreement.compare(model, "transformed", converted, _ROWS)
    assert result.rows == 40
    assert 0 <= result.difference < 1e-6
    session = onnxruntime.InferenceSession(converted)
    scores, hidden = session.run(["scores", "hidden"], _ROWS)
    expected = _ROWS["features"] @ np.float32([[0.5], [-0.25]])
    np.testing.assert_allclose(hidden, np.maximum(expected, 0), atol=1e-6)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-expected[:, 0])), atol=1e-6)


def test_another_answer_is_refused(converted: bytes, tmp_path: Path) -> None:
    other = _export(
        tmp_path / "1",
        lambda x: {"scores": tf.reshape(tf.sigmoid(x), [-1]) + 2e-5, "hidden": tf.nn.relu(x)},
    )
    with pytest.raises(Disagrees, match=r"answers differ from TensorFlow's by up to 2e-05"):
        agreement.compare(other, "transformed", converted, _ROWS)
    shaped = _export(tmp_path / "2", lambda x: {"scores": tf.sigmoid(x), "hidden": tf.nn.relu(x)})
    with pytest.raises(Disagrees, match="scores: ONNX Runtime's answer has shape"):
        agreement.compare(shaped, "transformed", converted, _ROWS)


def test_a_value_that_is_no_number_on_one_side_only_is_refused(
    converted: bytes, tmp_path: Path
) -> None:
    broken = _export(
        tmp_path / "1",
        lambda x: {"scores": tf.reshape(tf.sigmoid(x), [-1]) * np.nan, "hidden": tf.nn.relu(x)},
    )
    with pytest.raises(Disagrees, match="up to inf;"):
        agreement.compare(broken, "transformed", converted, _ROWS)


@pytest.mark.parametrize(
    ("compute", "signature", "message"),
    [
        (lambda x: {"scores": x}, "none", "no signature none; choose one of transformed"),
        (
            lambda x: {"scores": tf.numpy_function(np.sin, [x], tf.float32)},
            "transformed",
            "cannot be converted|needs operators",
        ),
        (
            lambda x: {"scores": tf.strings.to_hash_bucket_fast(tf.strings.as_string(x), 9)},
            "transformed",
            "cannot be converted|needs operators",
        ),
    ],
)
def test_operations_missing_in_onnx_are_reported(
    tmp_path: Path, compute: Callable[[Any], dict[str, Any]], signature: str, message: str
) -> None:
    folder = _export(tmp_path / "1", compute)
    with pytest.raises(NotConvertible, match=message):
        convert.convert(folder, {}, signature)


def test_triton_reads_the_configuration(converted: bytes) -> None:
    parsed = text_format.Parse(triton.config("late", converted), model_config_pb2.ModelConfig())
    assert (parsed.name, parsed.platform) == ("late", "onnxruntime_onnx")
    [features] = parsed.input
    assert (features.name, features.data_type, list(features.dims)) == (
        "features", model_config_pb2.TYPE_FP32, [2],
    )  # fmt: skip
    hidden, scores = parsed.output
    assert (hidden.name, list(hidden.dims), hidden.HasField("reshape")) == ("hidden", [1], False)
    # One number a row: Triton has it as a row of one, and gives it back without.
    assert (scores.name, list(scores.dims), scores.HasField("reshape")) == ("scores", [1], True)
    assert max(parsed.dynamic_batching.preferred_batch_size) <= parsed.max_batch_size


def test_an_export_is_written_once(converted: bytes, tmp_path: Path) -> None:
    assert triton.write(tmp_path, "late", 3, converted, _FACTS)
    folder = tmp_path / "late" / "3"
    assert (folder / "model.onnx").read_bytes() == converted
    assert json.loads((folder / "export.json").read_text()) == _FACTS
    assert not triton.write(tmp_path, "late", 3, b"", _FACTS)
    with pytest.raises(Taken, match="another export"):
        triton.write(tmp_path, "late", 3, converted, {"model_id": "other"})
    assert (folder / "model.onnx").read_bytes() == converted
    assert triton.write(tmp_path, "late", 4, converted, {"model_id": "other"})
    (tmp_path / "late" / "config.pbtxt").write_text("max_batch_size: 1")
    with pytest.raises(Taken, match="other tensors, or was changed"):
        triton.write(tmp_path, "late", 5, converted, _FACTS)
    assert sorted(path.name for path in (tmp_path / "late").iterdir()) == ["3", "4", "config.pbtxt"]


def test_a_full_disk_leaves_nothing(
    converted: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = local.write

    def full(target: Path, content: str | bytes) -> None:
        if target.name == triton.FACTS:
            raise OSError(28, "No space left on device")
        write(target, content)

    monkeypatch.setattr(local, "write", full)
    with pytest.raises(OSError, match="No space left"):
        triton.write(tmp_path, "late", 3, converted, _FACTS)
    assert list((tmp_path / "late").iterdir()) == []
