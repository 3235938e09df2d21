"""Verification of a SavedModel before it is published."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.errors import DamagedModel
from serving.store import model_files, publish, verify
from serving.store.manifest import model_id
from serving.validation import model_check
from tests.conftest import PROJECT
from tests.serving.publishers import FACTS
from tests.serving.tiny import SIGNATURES, export, hang


def test_a_good_model_has_no_problems(saved_model: Path) -> None:
    assert model_check.check(saved_model, SIGNATURES) == []


def test_a_good_model_is_published_by_default(saved_model: Path, tmp_path: Path) -> None:
    assert publish.publish(saved_model, tmp_path, FACTS) == tmp_path / "1"


def test_the_command_prints_the_problems(saved_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(saved_model, model)
    (model / "fingerprint.pb").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "serving.store.verify"],
        input=json.dumps({"folder": str(model), "expected": {}, "timeout": 60}),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "saved_model.pb was changed after the export: its fingerprint differs"
    ]


def test_a_model_that_hangs_is_given_up(tmp_path: Path) -> None:
    model = export(tmp_path / "model", finish=hang)
    before = _children()
    with pytest.raises(DamagedModel, match=r"not loaded and called within 0\.4 s"):
        verify.in_worker_process(model, timeout=0.4)
    assert _children() == before, "its process is ended"


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


@pytest.mark.parametrize("name_length", [1, 1_000_000], ids=["a small request", "a full pipe"])
def test_a_process_that_crashes_is_a_damaged_model(
    name_length: int, saved_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DamagedModel, match="its process ended with 1"):
        verify.in_worker_process(saved_model, {"x" * name_length: model_check.Signature()})


def test_a_model_that_passed_a_stricter_check_is_not_verified_again(
    saved_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same, changed = tmp_path / "same", tmp_path / "changed"
    shutil.copytree(saved_model, same)
    shutil.copytree(saved_model, changed)
    (changed / "saved_model.pb").write_bytes(b"")
    monkeypatch.setattr(verify, "_good", set())
    verify.remember(model_id(model_files.hash_files(saved_model)))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    verify.in_worker_process(same)
    with pytest.raises(DamagedModel, match="the model cannot be served"):
        verify.in_worker_process(changed)
    with pytest.raises(DamagedModel, match="the model cannot be served"):
        verify.in_worker_process(same, SIGNATURES)


def _export(folder: Path, function: object) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.function = function
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    return folder


def _warm(model: Path, value: float, key: str = "x") -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs[key].CopyFrom(tf.make_tensor_proto([value]))
    (model / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(model / "assets.extra" / "tf_serving_warmup_requests")) as file:
        file.write(log.SerializeToString())


def test_warm_up_requests_replace_inputs_that_cannot_be_generated(tmp_path: Path) -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def picky(x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.control_dependencies([tf.debugging.assert_greater(x, 100.0)]):
            return {"y": tf.math.log(x)}

    model = _export(tmp_path / "model", picky)
    (problem,) = model_check.check(model)
    assert "no generated input is accepted" in problem
    _warm(model, 101.0)
    assert model_check.check(model) == []
    _warm(model, 1.0)
    assert "a warm-up request fails" in model_check.check(model)[0]
    _warm(model, 101.0, "other")
    assert "a warm-up request fails" in model_check.check(model)[0]


def test_features_of_every_kind_are_generated(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = {
        "required": tf.io.FixedLenFeature([2, 3], tf.int64),
        "text": tf.io.FixedLenFeature([], tf.string),
        "optional": tf.io.VarLenFeature(tf.float32),
        "ragged": tf.io.RaggedFeature(tf.int64),
    }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def parse(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, spec)
        return {
            "y": tf.sparse.to_dense(parsed["optional"])[:, 0]
            / tf.cast(tf.reduce_sum(parsed["required"], [1, 2]), tf.float32)
            / tf.cast(tf.reduce_sum(parsed["ragged"], 1), tf.float32)
        }

    assert model_check.check(_export(tmp_path / "model", parse)) == []


def test_half_precision_is_checked_too(tmp_path: Path) -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def half(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.cast(x / 0.0, tf.bfloat16)}

    assert model_check.check(_export(tmp_path / "model", half)) == [
        "serving_default: y is not finite"
    ]
