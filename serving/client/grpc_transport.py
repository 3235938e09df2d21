"""Client side of TensorFlow Serving's gRPC interface."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client.errors import (
    BadRequest,
    ClientError,
    ModelNotFound,
    ServerFailed,
    TooLate,
    Unreachable,
)
from serving.client.transport import Columns, EncodedRequest, Model

_CODE = grpc.StatusCode
_ERRORS: Mapping[Any, type[ClientError]] = {
    _CODE.INVALID_ARGUMENT: BadRequest, _CODE.FAILED_PRECONDITION: BadRequest,
    _CODE.OUT_OF_RANGE: BadRequest, _CODE.NOT_FOUND: ModelNotFound,
    _CODE.UNAVAILABLE: Unreachable, _CODE.RESOURCE_EXHAUSTED: Unreachable,
    _CODE.DEADLINE_EXCEEDED: TooLate,
}  # fmt: skip
_UNKNOWN_LABEL = "Unrecognized servable version label"
_NO_LIMIT = 2**31 - 1
_PREDICT = "/tensorflow.serving.PredictionService/Predict"


class GrpcTransport:
    """Call a server over gRPC.

    Args:
      address: host and port of the server, such as `127.0.0.1:8500`.
      credentials: result of `grpc.ssl_channel_credentials`; default: no encryption.
    """

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self._address = address
        limits = [
            ("grpc.max_receive_message_length", _NO_LIMIT),
            ("grpc.max_send_message_length", _NO_LIMIT),
        ]
        self._channel = (
            grpc.insecure_channel(address, limits)
            if credentials is None
            else grpc.secure_channel(address, credentials, limits)
        )
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self,
        model: Model,
        signature: str,
        columns: Columns,
        types: Mapping[str, str],
        seconds: float,
    ) -> dict[str, list[Any]]:
        """Call a signature, as `Transport.predict` describes.

        Args:
          model: model to call.
          signature: name of the signature.
          columns: one value per row, by input.
          types: TensorFlow's type name, such as `DT_FLOAT`, by input.
          seconds: seconds to wait for the answer.
        """
        request = _request(model, signature, columns, types)
        answer = self._call(self._prediction.Predict, request, seconds)
        return {name: tf.make_ndarray(value).tolist() for name, value in answer.outputs.items()}

    def encode(
        self, model: Model, signature: str, columns: Columns, types: Mapping[str, str]
    ) -> EncodedRequest:
        """Return the request that `predict` would send.

        Args:
          model: model to call.
          signature: name of the signature.
          columns: one value per row, by input.
          types: TensorFlow's type name, such as `DT_FLOAT`, by input.
        """
        message = _request(model, signature, columns, types).SerializeToString()
        headers = {"content-type": "application/grpc", "te": "trailers"}
        # gRPC's frame: not compressed, the length, the message.
        body = struct.pack(">BI", 0, len(message)) + message
        return EncodedRequest(f"http://{self._address}{_PREDICT}", headers, body, http2=True)

    def inputs(self, model: Model, signature: str, seconds: float) -> dict[str, str]:
        """Return TensorFlow's type name by input of a signature.

        Args:
          model: model to ask for.
          signature: name of the signature.
          seconds: seconds to wait for the answer.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, model)
        answer = self._call(self._prediction.GetModelMetadata, request, seconds)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        if signature not in signatures.signature_def:
            raise BadRequest(f"model {model.name} has no signature {signature}")
        inputs = signatures.signature_def[signature].inputs
        return {name: types_pb2.DataType.Name(info.dtype) for name, info in inputs.items()}

    def states(self, model: Model, seconds: float) -> dict[int, str]:
        """Return the state, such as `AVAILABLE`, by version.

        Args:
          model: model to ask for.
          seconds: seconds to wait for the answer.
        """
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, model)
        answer = self._call(self._models.GetModelStatus, request, seconds)
        state = get_model_status_pb2.ModelVersionStatus.State
        return {
            version.version: state.Name(version.state) for version in answer.model_version_status
        }

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _call(self, method: Any, request: Any, seconds: float) -> Any:
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            message = error.details() or ""
            kind = _ERRORS.get(error.code(), ServerFailed)
            if message.startswith(_UNKNOWN_LABEL):
                kind = ModelNotFound
            raise kind(f"{self._address}: {message}") from error


def _request(model: Model, signature: str, columns: Columns, types: Mapping[str, str]) -> Any:
    request = predict_pb2.PredictRequest()
    _fill(request.model_spec, model)
    request.model_spec.signature_name = signature
    for name, values in columns.items():
        dtype = tf.as_dtype(types_pb2.DataType.Value(types[name]))
        try:
            array = np.array(values, dtype.as_numpy_dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadRequest(f"{name}: {error}") from error
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype))
    return request


def _fill(spec: Any, model: Model) -> None:
    spec.name = model.name
    if model.version is not None:
        spec.version.value = model.version
    if model.label is not None:
        spec.version_label = model.label
