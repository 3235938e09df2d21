"""Requests in a SavedModel that TF Serving sends itself before it answers anybody else.

The file and its limit of 1,000 records are TF Serving's:
https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from serving.validation.inputs import WARMUP

MAX_REQUESTS = 1000


def write(folder: Path, requests: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    """Write the warm-up requests of a SavedModel.

    Args:
      folder: the SavedModel's.
      requests: signature and an array by input; those past TF Serving's limit are left out.

    Returns:
      How many there are.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    file = folder / WARMUP
    file.parent.mkdir(exist_ok=True)
    count = 0
    with tf.io.TFRecordWriter(str(file)) as writer:
        for signature, inputs in list(requests)[:MAX_REQUESTS]:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            # The same requests are the same bytes, so that the same model has the same id.
            writer.write(log.SerializeToString(deterministic=True))
            count += 1
    return count


def signature_inputs(folder: Path) -> dict[str, dict[str, str]]:
    """Return the inputs of each signature of a SavedModel, without loading it.

    Args:
      folder: the SavedModel's.

    Returns:
      TensorFlow's name of a type, by signature and input.

    Raises:
      ValueError: the graph cannot be read.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        graph = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        return {
            name: {key: tf.as_dtype(info.dtype).name for key, info in signature.inputs.items()}
            for meta_graph in graph.meta_graphs
            for name, signature in meta_graph.signature_def.items()
            if not name.startswith("__saved_model")
        }
    except (OSError, DecodeError, TypeError) as error:
        raise ValueError(f"{folder}: no SavedModel: {error}") from error
