"""The Evaluator's needs of a model are checked before it tries, on models as Keras writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.components.evaluator import candidate

_COLUMNS = ("distance", "carrier", "late")


@pytest.fixture(scope="module")
def network() -> Any:
    """A network that reads transformed columns."""
    import keras

    inputs = {name: keras.Input((1,), name=name) for name in ("distance_xf", "carrier_xf")}
    hidden = keras.layers.Concatenate()(list(inputs.values()))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


def _save(folder: Path, signatures: dict[str, Any]) -> Path:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)
    return folder


def _signature(outputs: dict[str, tuple[int, ...]], name: str = "examples") -> Any:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=name)])
    def serve(rows: Any) -> dict[str, Any]:
        return {key: tf.zeros([tf.size(rows), *sizes]) for key, sizes in outputs.items()}

    return serve


def test_a_network_without_its_preprocessing_is_refused(network: Any, tmp_path: Path) -> None:
    network.export(str(tmp_path / "model"), verbose=False)
    [problem] = candidate.problems(tmp_path / "model", _COLUMNS)
    assert problem == (
        "serving_default reads carrier_xf, distance_xf; expected one input of serialized examples, "
        "or columns of the data before Transform"
    )
    assert not list(candidate.problems(tmp_path / "model", ("distance_xf", "carrier_xf")))


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({"outputs": (1,)}, None),
        ({"anything": ()}, None),
        ({"scores": (), "classes": (3,)}, None),
        ({"a": (), "b": ()}, "serving_default returns a, b; expected one output, or one called "),
        ({"outputs": (2,)}, "serving_default returns outputs of shape [rows, 2]; expected one "),
    ],
)
def test_a_model_returns_one_score(
    outputs: dict[str, tuple[int, ...]], problem: str | None, tmp_path: Path
) -> None:
    model = _save(tmp_path / "model", {"serving_default": _signature(outputs, "serialized")})
    problems = list(candidate.problems(model, _COLUMNS))
    assert len(problems) == (problem is not None)
    assert problem is None or problems[0].startswith(problem)
    assert not list(candidate.problems(model, _COLUMNS, one_score=False))


def test_a_model_without_its_default_signature_is_refused(tmp_path: Path) -> None:
    model = _save(tmp_path / "model", {"score": _signature({"scores": ()})})
    [problem] = candidate.problems(model, _COLUMNS)
    assert problem == "signature serving_default is missing; the model has score"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    [problem] = candidate.problems(tmp_path, _COLUMNS)
    assert "not a SavedModel" in problem
