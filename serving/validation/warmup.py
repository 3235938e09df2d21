"""Warm-up requests in a SavedModel, which TensorFlow Serving sends to itself after loading.

TensorFlow Serving defines the file and its limit of 1,000 records:
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
      folder: folder of the SavedModel.
      requests: signature and array by input of every request; requests beyond TensorFlow Serving's
        limit are left out.

    Returns:
      Number of requests that were written.
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
            # A model's id is a hash of its bytes, so the same requests must give the same bytes.
            writer.write(log.SerializeToString(deterministic=True))
            count += 1
    return count
