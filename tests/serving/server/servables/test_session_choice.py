"""The server answers with and without TensorFlow's C API, and logs a fallback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from serving.server.errors import Code, ServingError
from serving.server.servables import session, session_choice
from serving.server.servables.graph_session import GraphSession
from serving.server.servables.session import Session
from tests.serving.server.conftest import Server, serving

_CONFIG = tf.compat.v1.ConfigProto()


@pytest.fixture(autouse=True)
def _fresh_choice() -> Iterator[None]:
    """Make every test, and the tests after it, choose again."""
    session_choice._choose.cache_clear()
    session._library.cache_clear()
    yield
    session_choice._choose.cache_clear()
    session._library.cache_clear()


def test_the_c_api_passes_its_self_test(caplog: pytest.LogCaptureFixture) -> None:
    assert session_choice.session_type(_CONFIG) is Session
    assert caplog.records == []


def test_the_self_test_has_the_threads_of_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first session of a process sets the number of threads of all its sessions."""
    configs: list[Any] = []
    load = Session.__init__

    def record(self: Session, folder: Path, tags: list[str], config: Any) -> None:
        configs.append(config)
        load(self, folder, tags, config)

    monkeypatch.setattr(Session, "__init__", record)
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=3)
    assert session_choice.session_type(config) is Session
    assert configs == [config]


def test_a_missing_symbol_leads_to_the_python_api_and_one_log_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(session._FUNCTIONS, "TF_NoSuchFunction", (None, []))
    with caplog.at_level(logging.WARNING):
        assert session_choice.session_type(_CONFIG) is GraphSession
        assert session_choice.session_type(_CONFIG) is GraphSession
    [record] = caplog.records
    assert "TF_NoSuchFunction" in record.message
    assert "models are loaded with TensorFlow's Python API" in record.message


def test_a_missing_library_leads_to_the_python_api(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tf.sysconfig, "get_lib", lambda: str(tmp_path))
    assert session_choice.session_type(_CONFIG) is GraphSession


@pytest.mark.parametrize(
    ("results", "problem"),
    [
        (([[3.0, 4.0]], [b"a!", b"\0b!"], -0.5), "doubled is"),
        (([[3.0, -4.0]], [b"a!", b"b!"], -0.5), "joined is"),
        (([[3.0, -4.0]], [b"a!", b"\0b!"], 0.5), "total is"),
    ],
)
def test_other_results_lead_to_the_python_api(
    results: tuple[Any, ...],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arrays = [np.array(values, object) for values in results]
    monkeypatch.setattr(Session, "run", lambda *_, **__: arrays)
    assert session_choice.session_type(_CONFIG) is GraphSession
    assert problem in caplog.text


def test_both_sessions_give_the_same_arrays_and_errors(exported: dict[int, Path]) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("serving_default", {"x": np.array([1.0, 2.0], np.float32)}),
        ("two", {"a": np.ones((2, 2), np.float32), "b": np.ones((2, 2), np.float32)}),
        ("whole", {"n": np.array([3, -4], np.int64)}),
        ("text", {"s": np.array([b"ab", b"\xff\0"], object)}),
        ("truth", {"t": np.array([True, False])}),
        ("scalar", {"x": np.array([1.5, 2.0], np.float32)}),
        ("specials", {"x": np.array([1.0], np.float32)}),
        ("fails", {"x": np.array([1.0], np.float32)}),
        ("serving_default", {"x": np.array([1, 2], np.int64)}),
        ("two", {"a": np.ones((2, 2), np.float32), "b": np.ones((3, 2), np.float32)}),
    ]
    answers = []
    for kind in (Session, GraphSession):
        loaded = kind(exported[1], ["serve"], tf.compat.v1.ConfigProto())
        answers.append([_outcome(loaded, *call) for call in calls])
        with pytest.raises(ServingError, match="Tensor missing was not found in the graph"):
            loaded.tensor("missing")
        loaded.close()
    for call, c_answer, python_answer in zip(calls, *answers):
        assert c_answer == python_answer, call


def _outcome(loaded: Any, signature: str, feed: dict[str, Any]) -> Any:
    definition = loaded.signatures[signature]
    try:
        results = loaded.run(
            [loaded.tensor(definition.inputs[name].name) for name in feed],
            list(feed.values()),
            [loaded.tensor(info.name) for _, info in sorted(definition.outputs.items())],
            timeout_ms=60_000,
        )
    except ServingError as error:
        return error.code
    return [(str(result.dtype), result.shape, repr(result.tolist())) for result in results]


def test_the_python_api_reports_models_that_cannot_be_loaded(
    tmp_path: Path, exported: dict[int, Path]
) -> None:
    config = tf.compat.v1.ConfigProto()
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    for folder, tags in ((tmp_path, ["serve"]), (exported[1], ["other"])):
        with pytest.raises(ServingError):
            GraphSession(folder, tags, config)
    with pytest.raises(ServingError) as caught:
        GraphSession(tmp_path / "missing", ["serve"], config)
    assert caught.value.code == Code.NOT_FOUND


@pytest.mark.slow
def test_a_server_without_the_c_api_answers_as_one_with_it(
    server: Server, exported: dict[int, Path]
) -> None:
    command = f"{sys.executable} -m tests.serving.server.without_c_api serve"
    base = exported[1].parent
    with serving(command, "--model_name=contract", f"--model_base_path={base}") as other:
        other.wait("contract", v2="AVAILABLE")
        assert "TensorFlow's C API is not used" in other.said()
        for path, body in (
            (":predict", {"instances": [1.0, 2.0]}),
            (":predict", {"signature_name": "text", "instances": ["ab", {"b64": "/w=="}]}),
            (":predict", {"signature_name": "scalar", "inputs": [1.5, 2]}),
            (":classify", {"signature_name": "classify", "examples": [{"value": 0.5}]}),
            (":regress", {"signature_name": "regress", "examples": [{"value": 0.5}]}),
            ("/metadata", None),
        ):
            expected = server.json(f"/v1/models/contract/versions/2{path}", body)
            assert other.json(f"/v1/models/contract{path}", body) == expected
            assert expected[0] == 200
