"""TensorFlow Serving's PredictionService and ModelService, independent of the protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
)

from serving.server import tensors
from serving.server.errors import Code, ServingError, invalid
from serving.server.metrics import Metrics
from serving.server.request_log import RequestLog
from serving.server.requests import (
    METHOD_PREFIX,
    check_inputs,
    check_output_filter,
    parse_examples,
    requested_version,
    require_spec,
)
from serving.server.servables.manager import ModelManager
from serving.server.servables.servable import DEFAULT_SIGNATURE, Servable

_METHODS = ("predict", "classify", "regress")
_SIGNATURE_DEF = "signature_def"


class Predictor:
    """Answer requests.

    Args:
      manager: manager of the loaded versions.
      metrics: metrics of the server.
      request_log: log of a sample of the requests; default: none.
      as_content: answer numbers as raw bytes; default false.
    """

    def __init__(
        self,
        manager: ModelManager,
        metrics: Metrics,
        request_log: RequestLog | None = None,
        as_content: bool = False,
    ) -> None:
        self._manager = manager
        self._metrics = metrics
        self._request_log = request_log
        self._as_content = as_content

    def predict(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a PredictRequest.

        Args:
          request: message to answer.
          timeout_ms: milliseconds that the call may take; default: no limit.
        """
        spec = require_spec(request)
        with self._manager.lease(*requested_version(spec)) as (servable, version):
            name = spec.signature_name or DEFAULT_SIGNATURE
            if name not in servable.signatures:
                raise ServingError(
                    Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
                )
            feed = {key: tensors.to_array(value) for key, value in request.inputs.items()}
            outputs = self.run(
                servable, spec.name, name, feed, list(request.output_filter), timeout_ms
            )
            response = predict_pb2.PredictResponse()
            for key, value in outputs.items():
                tensors.fill(response.outputs[key], value, self._as_content)
            _fill_spec(response.model_spec, spec.name, version, name)
            self._log("predict_log", spec.name, request, response)
            return response

    def log_arrays(
        self, model: str, version: int, signature: str, feed: Mapping[str, Any], outputs: Any
    ) -> None:
        """Offer a Predict request that was not a message to the request log.

        Args:
          model: name of the model.
          version: number of the version that answered.
          signature: name of the signature that was called.
          feed: array by input.
          outputs: array by output.
        """

        def make() -> Any:
            request, response = predict_pb2.PredictRequest(), predict_pb2.PredictResponse()
            _fill_spec(request.model_spec, model, version, signature)
            response.model_spec.CopyFrom(request.model_spec)
            for message, arrays in ((request.inputs, feed), (response.outputs, outputs)):
                for key, value in arrays.items():
                    tensors.fill(message[key], np.asarray(value))
            return _prediction_log("predict_log", request, response)

        if self._request_log is not None:
            self._request_log.offer(model, make)

    def _log(self, kind: str, model: str, request: Any, response: Any) -> None:
        if self._request_log is not None:
            self._request_log.offer(model, lambda: _prediction_log(kind, request, response))

    def run(
        self,
        servable: Servable,
        model: str,
        signature: str,
        feed: Mapping[str, Any],
        output_filter: Sequence[str] = (),
        timeout_ms: int | None = None,
    ) -> dict[str, Any]:
        """Call a signature for Predict, after TensorFlow Serving's checks.

        Args:
          servable: loaded version.
          model: name of the model.
          signature: name of the signature.
          feed: array by input.
          output_filter: names of the outputs to return; default: all.
          timeout_ms: milliseconds that the call may take; default: no limit.

        Returns:
          Array by output.

        Raises:
          ServingError: inputs or outputs do not match the signature, or the call fails.
        """
        definition = servable.signatures[signature]
        if definition.method_name not in {METHOD_PREFIX + method for method in _METHODS}:
            raise ServingError(
                Code.INTERNAL,
                "Expected prediction signature method_name to be one of {"
                + ", ".join(METHOD_PREFIX + method for method in _METHODS)
                + f"}}. Was: {definition.method_name}",
            )
        check_inputs(set(feed), set(definition.inputs))
        check_output_filter(output_filter, definition.outputs)
        return self._timed(servable, model, "Predict", signature, feed, output_filter, timeout_ms)

    def classify(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a ClassificationRequest.

        Args:
          request: message to answer.
          timeout_ms: milliseconds that the call may take; default: no limit.
        """
        response = classification_pb2.ClassificationResponse()
        with self._manager.lease(*requested_version(require_spec(request))) as (servable, version):
            spec = request.model_spec
            self._classify(servable, spec, request.input, response.result, timeout_ms)
            _fill_spec(response.model_spec, spec.name, version, spec.signature_name)
            self._log("classify_log", spec.name, request, response)
        return response

    def regress(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a RegressionRequest.

        Args:
          request: message to answer.
          timeout_ms: milliseconds that the call may take; default: no limit.
        """
        response = regression_pb2.RegressionResponse()
        with self._manager.lease(*requested_version(require_spec(request))) as (servable, version):
            spec = request.model_spec
            self._regress(servable, spec, request.input, response.result, timeout_ms)
            _fill_spec(response.model_spec, spec.name, version, spec.signature_name)
            self._log("regress_log", spec.name, request, response)
        return response

    def multi_inference(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a MultiInferenceRequest.

        Args:
          request: message to answer.
          timeout_ms: milliseconds that a call may take; default: no limit.
        """
        if not request.tasks:
            raise invalid("Inference request must contain at least one task.")
        names = {task.model_spec.name for task in request.tasks}
        if len(names) > 1:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model.")
        response = inference_pb2.MultiInferenceResponse()
        with self._manager.lease(*requested_version(request.tasks[0].model_spec)) as (
            servable,
            version,
        ):
            for task in request.tasks:
                spec, result = task.model_spec, response.results.add()
                kind = task.method_name.removeprefix(METHOD_PREFIX)
                if kind == "classify":
                    into = result.classification_result
                    self._classify(servable, spec, request.input, into, timeout_ms)
                elif kind == "regress":
                    into = result.regression_result
                    self._regress(servable, spec, request.input, into, timeout_ms)
                else:
                    raise ServingError(
                        Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
                    )
                _fill_spec(result.model_spec, spec.name, version, spec.signature_name)
            model = request.tasks[0].model_spec.name
            self._log("multi_inference_log", model, request, response)
        return response

    def metadata(self, request: Any) -> Any:
        """Answer a GetModelMetadataRequest.

        Args:
          request: message to answer.
        """
        spec = require_spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {name} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._manager.lease(*requested_version(spec)) as (servable, version):
            signature_map = get_model_metadata_pb2.SignatureDefMap()
            for name, definition in servable.signatures.items():
                signature_map.signature_def[name].CopyFrom(definition)
            response.metadata[_SIGNATURE_DEF].Pack(signature_map)
            response.model_spec.name = spec.name
            response.model_spec.version.value = version
        return response

    def status(self, request: Any) -> Any:
        """Answer a GetModelStatusRequest.

        Args:
          request: message to answer.
        """
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._manager.statuses(*requested_version(require_spec(request))):
            status = response.model_version_status.add(version=version.number)
            status.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
            if version.error is not None:
                status.status.error_code = version.error.code
                status.status.error_message = version.error.message
        return response

    def _classify(
        self, servable: Servable, spec: Any, input_: Any, result: Any, timeout_ms: int | None
    ) -> None:
        signature, feed, rows = parse_examples(servable, spec, input_, "classify", "classification")
        outputs = servable.signatures[signature].outputs
        if len(outputs) not in (1, 2):
            raise invalid(f"Expected one or two output Tensors, found {len(outputs)}")
        if not {"classes", "scores"} & set(outputs):
            raise invalid(
                'Expected classification signature outputs to contain at least one of "classes" '
                'or "scores".'
            )
        arrays = self._timed(servable, spec.name, "Classify", signature, feed, (), timeout_ms)
        for name, value in arrays.items():
            if value.ndim != 2:
                raise invalid("Expected Tensor shape: [batch_size num_classes] but got "
                              f"{list(value.shape)}")  # fmt: skip
            if value.shape[0] != rows:
                raise invalid(f"Expected {name} output batch size of {rows}. Got: {value.shape[0]}")
        width = next(iter(arrays.values())).shape[1]
        for row in range(rows):
            classes = result.classifications.add().classes
            for column in range(width):
                entry = classes.add()
                if "classes" in arrays:
                    entry.label = arrays["classes"][row, column]
                if "scores" in arrays:
                    entry.score = arrays["scores"][row, column]

    def _regress(
        self, servable: Servable, spec: Any, input_: Any, result: Any, timeout_ms: int | None
    ) -> None:
        signature, feed, rows = parse_examples(servable, spec, input_, "regress", "regression")
        outputs = servable.signatures[signature].outputs
        if len(outputs) != 1:
            raise invalid("Expected one output Tensor.")
        if "outputs" not in outputs:
            raise invalid("No regression outputs found in SignatureDef.")
        value = self._timed(servable, spec.name, "Regress", signature, feed, (), timeout_ms)[
            "outputs"
        ]
        if value.ndim not in (1, 2) or (value.ndim == 2 and value.shape[1] != 1):
            raise invalid(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
                f"{list(value.shape)}"
            )
        if value.shape[0] != rows:
            raise invalid(
                f"Input batch size did not match output batch size: {rows} vs. {value.shape[0]}"
            )
        for number in value.reshape(-1):
            result.regressions.add(value=number)

    def _timed(
        self,
        servable: Servable,
        model: str,
        api: str,
        signature: str,
        feed: Mapping[str, Any],
        output_filter: Sequence[str],
        timeout_ms: int | None,
    ) -> dict[str, Any]:
        began = time.perf_counter()
        outputs = servable.run(signature, feed, output_filter or None, timeout_ms)
        self._metrics.ran(model, api, time.perf_counter() - began)
        return outputs


def _fill_spec(spec: Any, name: str, version: int, signature: str) -> None:
    spec.name, spec.version.value = name, version
    spec.signature_name = signature or DEFAULT_SIGNATURE


def _prediction_log(kind: str, request: Any, response: Any) -> Any:
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.timestamp_secs = int(time.time())
    spec = getattr(response, "model_spec", None) or response.results[0].model_spec
    log.log_metadata.model_spec.CopyFrom(spec)
    getattr(log, kind).request.CopyFrom(request)
    getattr(log, kind).response.CopyFrom(response)
    return log
