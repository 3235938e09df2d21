"""TF Serving's PredictionService and ModelService, whatever the protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
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

from serving.server.errors import Code, ServingError, invalid
from serving.server.metrics import Metrics
from serving.server.protocols import tensors
from serving.server.request_log import RequestLog
from serving.server.servables.manager import ModelManager
from serving.server.servables.servable import DEFAULT_SIGNATURE, Servable

_PREFIX = "tensorflow/serving/"
_METHODS = ("predict", "classify", "regress")
_SIGNATURE_DEF = "signature_def"


class Predictor:
    """Answer requests.

    Args:
      manager: of the loaded versions.
      metrics: that count.
      request_log: for some of the requests; None for none.
      as_content: answer numbers as raw bytes.
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
        """Answer a PredictRequest."""
        spec = _spec(request)
        with self._manager.lease(*asked(spec)) as (servable, version):
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
            _answered(response.model_spec, spec.name, version, name)
            self._log("predict_log", spec.name, request, response)
            return response

    def log_arrays(
        self, model: str, version: int, signature: str, feed: Mapping[str, Any], outputs: Any
    ) -> None:
        """Log a request for Predict that did not come as a message, perhaps.

        Args:
          model: its name.
          version: that answered.
          signature: that was called.
          feed: an array by input.
          outputs: an array by output.
        """

        def make() -> Any:
            request, response = predict_pb2.PredictRequest(), predict_pb2.PredictResponse()
            _answered(request.model_spec, model, version, signature)
            response.model_spec.CopyFrom(request.model_spec)
            for message, arrays in ((request.inputs, feed), (response.outputs, outputs)):
                for key, value in arrays.items():
                    tensors.fill(message[key], np.asarray(value))
            return _log_of("predict_log", request, response)

        if self._request_log is not None:
            self._request_log.offer(model, make)

    def _log(self, kind: str, model: str, request: Any, response: Any) -> None:
        if self._request_log is not None:
            self._request_log.offer(model, lambda: _log_of(kind, request, response))

    def run(
        self,
        servable: Servable,
        model: str,
        signature: str,
        feed: Mapping[str, Any],
        output_filter: Sequence[str] = (),
        timeout_ms: int | None = None,
    ) -> dict[str, Any]:
        """Call a signature for Predict, after TF Serving's checks.

        Raises:
          ServingError: inputs or outputs are not the signature's, or the call fails.
        """
        definition = servable.signatures[signature]
        if definition.method_name not in {_PREFIX + method for method in _METHODS}:
            raise ServingError(
                Code.INTERNAL,
                "Expected prediction signature method_name to be one of {"
                + ", ".join(_PREFIX + method for method in _METHODS)
                + f"}}. Was: {definition.method_name}",
            )
        _same_inputs(set(feed), set(definition.inputs))
        _filter(output_filter, definition.outputs)
        return self._timed(servable, model, "Predict", signature, feed, output_filter, timeout_ms)

    def classify(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a ClassificationRequest."""
        response = classification_pb2.ClassificationResponse()
        with self._manager.lease(*asked(_spec(request))) as (servable, version):
            spec = request.model_spec
            self._classify(servable, spec, request.input, response.result, timeout_ms)
            _answered(response.model_spec, spec.name, version, spec.signature_name)
            self._log("classify_log", spec.name, request, response)
        return response

    def regress(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a RegressionRequest."""
        response = regression_pb2.RegressionResponse()
        with self._manager.lease(*asked(_spec(request))) as (servable, version):
            spec = request.model_spec
            self._regress(servable, spec, request.input, response.result, timeout_ms)
            _answered(response.model_spec, spec.name, version, spec.signature_name)
            self._log("regress_log", spec.name, request, response)
        return response

    def multi_inference(self, request: Any, timeout_ms: int | None = None) -> Any:
        """Answer a MultiInferenceRequest."""
        if not request.tasks:
            raise invalid("Inference request must contain at least one task.")
        names = {task.model_spec.name for task in request.tasks}
        if len(names) > 1:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model.")
        response = inference_pb2.MultiInferenceResponse()
        with self._manager.lease(*asked(request.tasks[0].model_spec)) as (servable, version):
            for task in request.tasks:
                spec, result = task.model_spec, response.results.add()
                kind = task.method_name.removeprefix(_PREFIX)
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
                _answered(result.model_spec, spec.name, version, spec.signature_name)
            model = request.tasks[0].model_spec.name
            self._log("multi_inference_log", model, request, response)
        return response

    def metadata(self, request: Any) -> Any:
        """Answer a GetModelMetadataRequest."""
        spec = _spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {name} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._manager.lease(*asked(spec)) as (servable, version):
            found = get_model_metadata_pb2.SignatureDefMap()
            for name, definition in servable.signatures.items():
                found.signature_def[name].CopyFrom(definition)
            response.metadata[_SIGNATURE_DEF].Pack(found)
            response.model_spec.name = spec.name
            response.model_spec.version.value = version
        return response

    def status(self, request: Any) -> Any:
        """Answer a GetModelStatusRequest."""
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._manager.statuses(*asked(_spec(request))):
            status = response.model_version_status.add(version=version.number)
            status.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
            if version.error is not None:
                status.status.error_code = version.error.code
                status.status.error_message = version.error.message
        return response

    def _classify(
        self, servable: Servable, spec: Any, input_: Any, result: Any, timeout_ms: int | None
    ) -> None:
        signature, feed, rows = _of_examples(servable, spec, input_, "classify", "classification")
        outputs = servable.signatures[signature].outputs
        if len(outputs) not in (1, 2):
            raise invalid(f"Expected one or two output Tensors, found {len(outputs)}")
        if not {"classes", "scores"} & set(outputs):
            raise invalid(
                'Expected classification signature outputs to contain at least one of "classes" '
                'or "scores".'
            )
        got = self._timed(servable, spec.name, "Classify", signature, feed, (), timeout_ms)
        for name, value in got.items():
            if value.ndim != 2:
                raise invalid("Expected Tensor shape: [batch_size num_classes] but got "
                              f"{list(value.shape)}")  # fmt: skip
            if value.shape[0] != rows:
                raise invalid(f"Expected {name} output batch size of {rows}. Got: {value.shape[0]}")
        width = next(iter(got.values())).shape[1]
        for row in range(rows):
            classes = result.classifications.add().classes
            for place in range(width):
                found = classes.add()
                if "classes" in got:
                    found.label = got["classes"][row, place]
                if "scores" in got:
                    found.score = got["scores"][row, place]

    def _regress(
        self, servable: Servable, spec: Any, input_: Any, result: Any, timeout_ms: int | None
    ) -> None:
        signature, feed, rows = _of_examples(servable, spec, input_, "regress", "regression")
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
        for each in value.reshape(-1):
            result.regressions.add(value=each)

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
        found = servable.run(signature, feed, output_filter or None, timeout_ms)
        self._metrics.ran(model, api, time.perf_counter() - began)
        return found


def asked(spec: Any) -> tuple[str, int | None, str | None]:
    """Return the model, version and label that a ModelSpec names."""
    kind = spec.WhichOneof("version_choice")
    version = spec.version.value if kind == "version" else None
    return spec.name, version, spec.version_label if kind == "version_label" else None


def _spec(request: Any) -> Any:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _answered(spec: Any, name: str, version: int, signature: str) -> None:
    spec.name, spec.version.value = name, version
    spec.signature_name = signature or DEFAULT_SIGNATURE


def _log_of(kind: str, request: Any, response: Any) -> Any:
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.timestamp_secs = int(time.time())
    spec = getattr(response, "model_spec", None) or response.results[0].model_spec
    log.log_metadata.model_spec.CopyFrom(spec)
    getattr(log, kind).request.CopyFrom(request)
    getattr(log, kind).response.CopyFrom(response)
    return log


def _same_inputs(sent: set[str], wanted: set[str]) -> None:
    if len(sent) != len(wanted):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{"
            f"{','.join(sorted(sent))}}}) != len({{{','.join(sorted(wanted))}}}). "
            f"Sent extra: {{{','.join(sorted(sent - wanted))}}}. "
            f"Missing but required: {{{','.join(sorted(wanted - sent))}}}."
        )
    for name in sorted(sent - wanted):
        raise invalid(
            f"input tensor alias not found in signature: {name}. Inputs expected to be in the set "
            f"{{{','.join(sorted(wanted))}}}."
        )


def _filter(names: Sequence[str], outputs: Mapping[str, Any]) -> None:
    for place, name in enumerate(names):
        if name not in outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the "
                f"set {{{','.join(sorted(outputs))}}}."
            )
        if name in names[:place]:
            raise invalid(f"duplicate output tensor alias: {name}")


def _of_examples(
    servable: Servable, spec: Any, input_: Any, method: str, words: str
) -> tuple[str, dict[str, Any], int]:
    """Return signature, feed and rows of a request that brings examples."""
    signature = spec.signature_name or DEFAULT_SIGNATURE
    if signature not in servable.signatures:
        raise invalid(f"No signature was found with the name: {signature}")
    definition = servable.signatures[signature]
    if definition.method_name != _PREFIX + method:
        raise invalid(
            f"Expected {words} signature method_name to be {_PREFIX}{method}. "
            f"Was: {definition.method_name}"
        )
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if "inputs" not in definition.inputs:
        raise invalid(f"No {words} inputs found in SignatureDef.")
    rows = list(_examples(input_))
    if not rows:
        raise invalid("Input is empty.")
    return signature, {"inputs": np.array(rows, dtype=object)}, len(rows)


def _examples(input_: Any) -> Iterator[bytes]:
    kind = input_.WhichOneof("kind")
    if kind == "example_list":
        for example in input_.example_list.examples:
            yield example.SerializeToString()
    elif kind == "example_list_with_context":
        context = input_.example_list_with_context.context
        for example in input_.example_list_with_context.examples:
            merged = type(example)()
            merged.CopyFrom(context)
            for name, feature in example.features.feature.items():
                merged.features.feature[name].CopyFrom(feature)
            yield merged.SerializeToString()
