"""Columns with any names and values, from Transform to the signatures of an exported model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from models import preprocessing, requests, signatures
from models.features import Features, transformed
from models.training import network, vocabularies, warm_start
from serving.validation import model_check
from serving.validation import signatures as saved_signatures
from tests import column_names

FEATURES = Features(
    label=column_names.LABEL,
    numeric=column_names.NUMBERS,
    categorical=column_names.TEXTS,
    buckets=dict.fromkeys(column_names.BUCKETS, 24),
    min_frequency=3,
)
_VALUES = (b"a", b"two\nlines", b"cr\r", b"both\r\n", b" ", b"\x00z", "서울".encode(), b"q" * 5000)
_RARE = column_names.TEXTS[0]


class Exported(NamedTuple):
    """A model that is not trained.

    Args:
      folder: folder of the SavedModel.
      graph: output of Transform.
      rows: raw values by column.
      examples: the same rows, serialized.
    """

    folder: Path
    graph: tft.TFTransformOutput
    rows: list[dict[str, Any]]
    examples: list[bytes]


def _rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(7)
    rows = []
    for number in range(200):
        present = random.random(len(column_names.INPUTS)) > 0.1
        row: dict[str, Any] = {
            name: [np.float32(random.normal(position, 2))] if present[position] else []
            for position, name in enumerate(column_names.NUMBERS)
        }
        row |= {
            name: [_VALUES[random.integers(len(_VALUES))]] if present[-position] else []
            for position, name in enumerate(column_names.TEXTS)
        }
        row |= {name: int(random.integers(24)) for name in column_names.BUCKETS}
        row |= {_RARE: [b"rare %d" % number], column_names.LABEL: int(random.integers(2))}
        rows.append(row)
    return rows


def _example(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, content in row.items():
        feature = example.features.feature[name]
        for value in content if isinstance(content, list) else [content]:
            if isinstance(value, bytes):
                feature.bytes_list.value.append(value)
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.float_list.value.append(value)
    return example.SerializeToString()


def _network(graph: tft.TFTransformOutput) -> Any:
    sizes = {name: vocabularies.positions(graph, name) for name in FEATURES.categorical}
    return network.build(FEATURES, sizes, [8], dropout=0.1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("names")
    spec: dict[str, Any] = dict.fromkeys(column_names.NUMBERS, tf.io.VarLenFeature(tf.float32))
    spec |= dict.fromkeys(column_names.TEXTS, tf.io.VarLenFeature(tf.string))
    whole = (*column_names.BUCKETS, column_names.LABEL)
    spec |= dict.fromkeys(whole, tf.io.FixedLenFeature([], tf.int64))
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    rows, config = _rows(), {"features": FEATURES.model_dump(mode="json")}
    with tft_beam.Context(temp_dir=str(folder / "scratch")):
        graph = (rows, metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing.preprocessing_fn(inputs, config)
        )
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    metadata_io.write_metadata(metadata, str(folder / "graph" / "metadata"))
    output = tft.TFTransformOutput(str(folder / "graph"))
    tf.keras.utils.set_random_seed(3)
    signatures.export(_network(output), output, FEATURES, str(folder / "model"))
    return Exported(folder / "model", output, rows, [_example(row) for row in rows])


@pytest.fixture(scope="module")
def loaded(exported: Exported) -> Any:
    return tf.saved_model.load(str(exported.folder))


@pytest.fixture(scope="module")
def scores(exported: Exported, loaded: Any) -> npt.NDArray[np.float32]:
    answer = loaded.signatures["serving_default"](examples=tf.constant(exported.examples))
    return answer["scores"].numpy()


@pytest.fixture(scope="module")
def tensors(exported: Exported) -> requests.Tensors:
    inputs = saved_signatures.read(exported.folder)[requests.TENSORS].inputs
    types = {name: tensor.dtype for name, tensor in inputs.items()}
    assert types.keys() == set(column_names.INPUTS)
    return requests.tensors(exported.examples, types)


def test_a_session_is_fed_by_the_names_of_the_columns(
    exported: Exported, tensors: requests.Tensors, scores: npt.NDArray[np.float32]
) -> None:
    """TensorFlow Serving feeds what the signature's message names."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], str(exported.folder))
        signature = meta_graph.signature_def[requests.TENSORS]
        feed = {signature.inputs[name].name: values for name, values in tensors.items()}
        answer = session.run(signature.outputs["scores"].name, feed)
    np.testing.assert_allclose(answer, scores, rtol=0, atol=1e-6)
    assert len(set(scores.tolist())) > 100


def test_python_calls_a_table_of_columns(
    loaded: Any, tensors: requests.Tensors, scores: npt.NDArray[np.float32]
) -> None:
    columns = {name: tf.constant(values) for name, values in tensors.items()}
    answer = loaded.serving_tensors(columns)["scores"].numpy()
    np.testing.assert_allclose(answer, scores, rtol=0, atol=1e-6)


def test_the_model_is_as_it_was_exported(exported: Exported) -> None:
    assert model_check.check(exported.folder) == []


def test_every_column_is_prepared_by_its_own_values(exported: Exported, loaded: Any) -> None:
    answer = loaded.signatures["transform_features"](examples=tf.constant(exported.examples))
    names = (*column_names.INPUTS, column_names.LABEL)
    assert sorted(answer) == sorted(map(transformed, names))
    columns = {name: [row[name] for row in exported.rows] for name in names}
    for name in column_names.NUMBERS:
        raw = np.array([value[0] if value else np.nan for value in columns[name]])
        expected = np.nan_to_num((raw - np.nanmean(raw)) / np.nanstd(raw), nan=0.0)
        np.testing.assert_allclose(answer[transformed(name)], expected, atol=1e-4, err_msg=name)
    for name in (*column_names.BUCKETS, column_names.LABEL):
        assert answer[transformed(name)].numpy().tolist() == columns[name], name
    for name in column_names.TEXTS:
        assets = Path(exported.folder, "assets")
        values = vocabularies.read(assets, name)
        assert set(values) == set(_VALUES) or name == _RARE
        positions = {value: position for position, value in enumerate(values)}
        expected = [positions.get(value[0], len(values)) if value else len(values)
                    for value in columns[name]]  # fmt: skip
        assert answer[transformed(name)].numpy().tolist() == expected, name


def test_training_continues_from_the_exported_weights(
    exported: Exported, loaded: Any, scores: npt.NDArray[np.float32]
) -> None:
    assets = Path(exported.folder, "assets")
    now = {name: vocabularies.read(assets, name) for name in FEATURES.categorical}
    continued = _network(exported.graph)
    warm_start.restore(exported.folder, continued, FEATURES, now)
    columns = loaded.signatures["transform_features"](examples=tf.constant(exported.examples))
    matrix = requests.matrix({key: value.numpy() for key, value in columns.items()}, FEATURES)
    answer = continued(matrix["features"], training=False).numpy()[:, 0]
    np.testing.assert_allclose(answer, scores, rtol=0, atol=1e-6)
