"""The four signatures of a published model agree, and transform rows as in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from models import features as features_module
from models import tfrecords
from models.training.dataset import as_matrix, load_transform
from serving.validation import model_check
from serving.validation.model_check import Signature
from tests.conftest import PROJECT, Run

pytestmark = pytest.mark.slow

ROWS = 10_000
SCORES = {"scores": "float32"}


@pytest.fixture(scope="module")
def model(flights_run: Run) -> Any:
    return tf.saved_model.load(flights_run.result["model_dir"])


@pytest.fixture(scope="module")
def features() -> features_module.Features:
    return features_module.load(PROJECT / "models" / "flights.toml")


@pytest.fixture(scope="module")
def examples(flights_run: Run) -> tf.Tensor:
    folder = flights_run.artifact("ExampleGen", "examples") / "Split-eval"
    return tf.constant(list(tfrecords.read(folder.glob("*.gz"), ROWS)))


@pytest.fixture(scope="module")
def scores(model: Any, examples: tf.Tensor) -> np.ndarray:
    return model.signatures["serving_default"](examples=examples)["scores"].numpy()


def test_every_row_has_a_probability(scores: np.ndarray) -> None:
    assert scores.shape == (ROWS,)
    assert scores.dtype == np.float32
    assert 0 < scores.min() < scores.mean() < scores.max() < 1


def test_a_session_restores_the_variables_of_the_signatures(
    flights_run: Run, features: features_module.Features
) -> None:
    """TensorFlow Serving loads a model in a session; `tf.saved_model.load` does not."""
    expected = {
        "serving_default": Signature(inputs={"examples": "string"}, outputs=SCORES),
        "serving_tensors": Signature(outputs=SCORES),
        "transformed": Signature(inputs={"features": "float32"}, outputs=SCORES),
        "transform_features": Signature(inputs={"examples": "string"}),
    }
    assert model_check.check(Path(flights_run.result["model_dir"]), expected) == []


def test_transformed_agrees_with_serving_default(
    model: Any, features: features_module.Features, examples: tf.Tensor, scores: np.ndarray
) -> None:
    columns = model.signatures["transform_features"](examples=examples)
    matrix = as_matrix(features, columns)
    other = model.signatures["transformed"](features=matrix)["scores"].numpy()
    np.testing.assert_allclose(other, scores, rtol=0, atol=1e-6)


def test_a_graph_session_agrees_with_eager_code(
    flights_run: Run, model: Any, examples: tf.Tensor
) -> None:
    """TensorFlow Serving restores a model into a session, which resolves variables differently."""
    rows = examples[:100]
    matrix = np.zeros((3, model.signatures["transformed"].inputs[0].shape[1]), np.float32)
    fed = {
        "serving_default": {"examples": rows.numpy()},
        "transform_features": {"examples": rows.numpy()},
        "transformed": {"features": matrix},
    }
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        loaded = tf.compat.v1.saved_model.loader.load(
            session, ["serve"], flights_run.result["model_dir"]
        )
        served = {
            name: session.run(
                {key: info.name for key, info in loaded.signature_def[name].outputs.items()},
                {loaded.signature_def[name].inputs[key].name: value for key, value in fed_.items()},
            )
            for name, fed_ in fed.items()
        }
    for name, fed_ in fed.items():
        eager = model.signatures[name](**{key: tf.constant(value) for key, value in fed_.items()})
        assert sorted(served[name]) == sorted(eager)
        for key, values in eager.items():
            np.testing.assert_allclose(served[name][key], values.numpy(), rtol=0, atol=1e-6)


def test_serving_tensors_agrees_with_serving_default(
    model: Any, flights_run: Run, features: features_module.Features
) -> None:
    (file,) = flights_run.workspace.glob("data/**/201302/eval/*.parquet")
    rows = pq.read_table(file).slice(0, ROWS).to_pandas()
    specs = model.signatures["serving_tensors"].structured_input_signature[1]
    assert sorted(specs) == sorted(features.inputs)
    tensors = {
        name: tf.constant(
            rows[name].fillna("") if spec.dtype == tf.string else rows[name].to_numpy(),
            dtype=spec.dtype,
        )
        for name, spec in specs.items()
    }
    by_tensors = model.signatures["serving_tensors"](**tensors)["scores"].numpy()
    serialized = tf.constant([_example(row, specs) for row in rows.to_dict("records")])
    by_examples = model.signatures["serving_default"](examples=serialized)["scores"].numpy()
    np.testing.assert_allclose(by_tensors, by_examples, rtol=0, atol=1e-6)


def _example(row: dict[str, Any], specs: dict[str, tf.TensorSpec]) -> bytes:
    example = tf.train.Example()
    for name in specs:
        value, feature = row[name], example.features.feature[name]
        if value is None or value != value:
            continue
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        else:
            feature.float_list.value.append(value)
    return example.SerializeToString()


def test_the_served_transform_is_bit_equal_to_the_training_transform(
    model: Any, flights_run: Run, examples: tf.Tensor
) -> None:
    graph = tft.TFTransformOutput(str(flights_run.artifact("Transform", "transform_graph")))
    owner, transform = load_transform(graph)
    trained = transform(tf.io.parse_example(examples, graph.raw_feature_spec()))
    served = model.signatures["transform_features"](examples=examples)
    assert sorted(served) == sorted(trained)
    for name, values in served.items():
        assert values.numpy().tobytes() == trained[name].numpy().tobytes(), name
    assert owner is not None


def test_normalized_numbers_are_those_of_numpy(
    model: Any, flights_run: Run, examples: tf.Tensor
) -> None:
    (train,) = flights_run.workspace.glob("data/**/201302/train/*.parquet")
    temp = pq.read_table(train)["wind_gust"].to_pandas().astype(np.float32).to_numpy()
    served = model.signatures["transform_features"](examples=examples)["wind_gust_xf"].numpy()
    raw = tf.io.parse_example(examples, {"wind_gust": tf.io.VarLenFeature(tf.float32)})
    dense = tf.sparse.to_dense(raw["wind_gust"], np.nan).numpy()[:, 0]
    expected = np.nan_to_num((dense - np.nanmean(temp)) / np.nanstd(temp), nan=0.0)
    np.testing.assert_allclose(served, expected, atol=1e-4)


def test_the_published_model_is_the_trained_one(flights_run: Run) -> None:
    trained = flights_run.artifact("Trainer", "model") / "Format-Serving" / "saved_model.pb"
    published = Path(flights_run.result["model_dir"]) / "saved_model.pb"
    assert published.read_bytes() == trained.read_bytes()
