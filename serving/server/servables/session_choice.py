"""Choice of the session that the server loads models with, by a self-test."""

from __future__ import annotations

import logging
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from serving.server.errors import ServingError
from serving.server.servables.graph_session import GraphSession
from serving.server.servables.session import Session

_log = logging.getLogger(__name__)


def session_type(config: Any) -> type[Session] | type[GraphSession]:
    """Return the type of session to load models with.

    `Session` calls TensorFlow's C API through declarations of Taxiway. So a small model with known
    results is loaded and called first. If anything differs, `GraphSession` is used, which needs
    TensorFlow's Python API only. The self-test takes about 0.1 s, once per process.

    Args:
      config: TensorFlow's ConfigProto of the models. The first session of a process sets the number
        of threads of all its sessions, so the self-test must have the same one.
    """
    return _choose(config.SerializeToString(deterministic=True))


@cache
def _choose(config: bytes) -> type[Session] | type[GraphSession]:
    try:
        problem = _self_test(tf.compat.v1.ConfigProto.FromString(config))
    except Exception as error:  # a missing symbol, library or file
        problem = f"{type(error).__name__}: {error}"
    if not problem:
        return Session
    _log.warning(
        "TensorFlow's C API is not used because its self-test failed (%s); models are loaded with"
        " TensorFlow's Python API, so requests wait while a version is loaded",
        problem,
    )
    return GraphSession


def _self_test(config: Any) -> str:
    """Load and call a small model; return what differs from the known results."""
    with tempfile.TemporaryDirectory(prefix="taxiway-self-test-") as folder:
        (Path(folder) / "saved_model.pb").write_bytes(_small_model())
        session = Session(Path(folder), ["serve"], config)
    try:
        if list(session.signatures) != ["self_test"]:
            return f"signatures are {list(session.signatures)}"
        numbers, texts = (session.tensor(name) for name in ("numbers", "texts:0"))
        doubled, joined, total = (session.tensor(name) for name in ("doubled", "joined", "total"))
        results = session.run(
            [numbers, texts],
            [np.array([[1.5, -2.0]], np.float32), np.array([b"a", b"\0b"], object)],
            [doubled, joined, total],
            timeout_ms=60_000,
        )
        expected = ([[3.0, -4.0]], [b"a!", b"\0b!"], -0.5)
        for name, result, values in zip(("doubled", "joined", "total"), results, expected):
            if result.tolist() != values:
                return f"{name} is {result.tolist()}, expected {values}"
        try:
            session.tensor("missing")
        except ServingError:
            return ""
        return "a missing tensor was not reported"
    finally:
        session.close()


def _small_model() -> bytes:
    """Return a SavedModel with numbers, texts and a scalar, and without variables."""
    with tf.Graph().as_default() as graph:
        numbers = tf.compat.v1.placeholder(tf.float32, [None, 2], "numbers")
        texts = tf.compat.v1.placeholder(tf.string, [None], "texts")
        tf.add(numbers, numbers, "doubled")
        tf.strings.join([texts, "!"], name="joined")
        tf.reduce_sum(numbers, name="total")
        meta_graph = meta_graph_pb2.MetaGraphDef(graph_def=graph.as_graph_def())
    meta_graph.meta_info_def.tags.append("serve")
    meta_graph.signature_def["self_test"].method_name = "tensorflow/serving/predict"
    model = saved_model_pb2.SavedModel(saved_model_schema_version=1, meta_graphs=[meta_graph])
    return model.SerializeToString(deterministic=True)
