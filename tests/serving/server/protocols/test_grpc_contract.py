"""TensorFlow Serving's gRPC contract, case by case; runs against any server with its flags."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.serving.server.conftest import Server

_CODE = grpc.StatusCode


def _request(signature: str = "", version: int | None = None, **inputs: Any) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "contract"
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def _refused(call: Any, request: Any, **options: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, **options)
    return caught.value.code(), caught.value.details()


@pytest.mark.parametrize(("version", "factor"), [(1, 0.5), (2, 0.25), (None, 0.25)])
def test_predict_answers_with_the_version_that_did(
    server: Server, version: int | None, factor: float
) -> None:
    answer = server.prediction.Predict(_request(version=version, x=np.float32([1, 2])))
    assert list(answer.outputs["y"].float_val) == [factor, 2 * factor]
    assert not answer.outputs["y"].tensor_content
    spec = answer.model_spec
    assert (spec.name, spec.signature_name) == ("contract", "serving_default")
    assert spec.version.value == (version or 2)


def test_a_label_names_a_version(server: Server) -> None:
    request = _request(x=np.float32([1]))
    request.model_spec.version_label = "stable"
    assert server.prediction.Predict(request).model_spec.version.value == 1
    request.model_spec.version_label = "none"
    assert _refused(server.prediction.Predict, request) == (
        _CODE.INVALID_ARGUMENT, "Unrecognized servable version label: none",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs"),
    [
        ("two", {"a": np.float32([[1, 2]]), "b": np.float32([[3, 4]])},
         {"sum": [[4, 6]], "product": [[3, 8]]}),
        ("whole", {"n": np.int64([3])}, {"n": [6], "half": [1.5]}),
        ("text", {"s": np.array([b"ab", b"\xff"], object)},
         {"s": [b"AB", b"\xff"], "raw_bytes": [b"ab!", b"\xff!"]}),
        ("truth", {"t": np.array([True, False])}, {"t": [False, True]}),
        ("scalar", {"x": np.float32([1, 2])}, {"total": 3}),
        ("serving_default", {"x": np.zeros(0, np.float32)}, {"y": []}),
    ],
)  # fmt: skip
def test_every_type_goes_in_and_out(
    server: Server, signature: str, inputs: Any, outputs: Any
) -> None:
    answer = server.prediction.Predict(_request(signature, **inputs))
    received = {name: tf.make_ndarray(value).tolist() for name, value in answer.outputs.items()}
    assert received == outputs


def test_only_the_outputs_that_are_asked_for_are_sent(server: Server) -> None:
    request = _request("two", a=np.float32([[1, 2]]), b=np.float32([[3, 4]]))
    request.output_filter.append("sum")
    assert list(server.prediction.Predict(request).outputs) == ["sum"]
    request.output_filter.append("sum")
    code, text = _refused(server.prediction.Predict, request)
    assert (code, text) == (_CODE.INVALID_ARGUMENT, "duplicate output tensor alias: sum")
    request.output_filter[:] = ["none"]
    code, text = _refused(server.prediction.Predict, request)
    assert code == _CODE.INVALID_ARGUMENT
    assert text.startswith("output tensor alias not found in signature: none")


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_pb2.PredictRequest(), _CODE.INVALID_ARGUMENT, "Missing ModelSpec"),
        (_request("none", x=np.float32([1])), _CODE.FAILED_PRECONDITION,
         'Serving signature key "none" not found.'),
        (_request(version=9, x=np.float32([1])), _CODE.NOT_FOUND,
         "Servable not found for request: Specific(contract, 9)"),
        (_request(), _CODE.INVALID_ARGUMENT, "input size does not match signature: 0!=1"),
        (_request(x=np.float32([1]), z=np.float32([1])), _CODE.INVALID_ARGUMENT,
         "Sent extra: {z}. Missing but required: {}."),
        (_request(z=np.float32([1])), _CODE.INVALID_ARGUMENT,
         "input tensor alias not found in signature: z"),
        (_request(x=np.array(["a"])), _CODE.INVALID_ARGUMENT, ""),
        (_request("fails", x=np.float32([1])), _CODE.INVALID_ARGUMENT, "not finite"),
    ],
)  # fmt: skip
def test_a_bad_request_has_tf_servings_code_and_words(
    server: Server, request_: Any, code: grpc.StatusCode, text: str
) -> None:
    got, message = _refused(server.prediction.Predict, request_)
    assert (got, text in message) == (code, True), message


def test_an_unknown_model_is_not_found(server: Server) -> None:
    request = _request(x=np.float32([1]))
    request.model_spec.name = "none"
    assert _refused(server.prediction.Predict, request) == (
        _CODE.NOT_FOUND, "Servable not found for request: Latest(none)",
    )  # fmt: skip


def test_a_tensor_that_lies_about_its_shape_is_refused(server: Server) -> None:
    request = _request(x=np.float32([1]))
    request.inputs["x"].tensor_shape.dim[0].size = 5
    request.inputs["x"].tensor_content = b"\0"
    assert _refused(server.prediction.Predict, request)[0] == _CODE.INVALID_ARGUMENT


def test_a_large_message_goes_through(server: Server) -> None:
    """Only requests have no limit; a client limits its responses."""
    values = np.ones(3_000_000, np.float32)
    answer = server.prediction.Predict(_request("scalar", x=values))
    assert list(answer.outputs["total"].float_val) == [3_000_000]


def test_a_deadline_that_has_passed_is_a_deadline(server: Server) -> None:
    request = _request(x=np.float32([1]))
    # Already over when it is sent: at once would be a race.
    assert _refused(server.prediction.Predict, request, timeout=-1)[0] == _CODE.DEADLINE_EXCEEDED


def _examples(*values: float) -> list[Any]:
    examples = []
    for value in values:
        example = tf.train.Example()
        example.features.feature["value"].float_list.value.append(value)
        examples.append(example)
    return examples


def test_classify_answers_labels_and_scores(server: Server) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "contract", "classify"
    request.input.example_list_with_context.examples.extend(_examples(0.25, 0.5))
    context = request.input.example_list_with_context.context
    context.features.feature["name"].bytes_list.value.append(b"yes")
    answer = server.prediction.Classify(request)
    rows = [
        [(entry.label, entry.score) for entry in row.classes]
        for row in answer.result.classifications
    ]
    assert rows == [[("yes", 0.25), ("no", 0.75)], [("yes", 0.5), ("no", 0.5)]]
    assert answer.model_spec.version.value == 2
    request.input.Clear()
    assert _refused(server.prediction.Classify, request)[0] == _CODE.INVALID_ARGUMENT


def test_regress_answers_values(server: Server) -> None:
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "contract", "regress"
    request.input.example_list.examples.extend(_examples(0.25, 2))
    answer = server.prediction.Regress(request)
    assert [entry.value for entry in answer.result.regressions] == [0.5, 4]


def test_several_inferences_share_their_examples(server: Server) -> None:
    request = inference_pb2.MultiInferenceRequest()
    for method in ("classify", "regress"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "contract", method
    request.input.example_list.examples.extend(_examples(0.25))
    classified, regressed = server.prediction.MultiInference(request).results
    assert classified.classification_result.classifications[0].classes[0].score == 0.25
    assert regressed.regression_result.regressions[0].value == 0.5
    request.tasks[1].model_spec.name = "other"
    assert _refused(server.prediction.MultiInference, request)[0] == _CODE.INVALID_ARGUMENT


def test_the_metadata_holds_every_signature(server: Server) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "contract"
    answer = server.prediction.GetModelMetadata(request)
    received = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(received)
    assert received.signature_def["two"].inputs["a"].dtype == tf.float32.as_datatype_enum
    del request.metadata_field[:]
    code, text = _refused(server.prediction.GetModelMetadata, request)
    assert (code, "at least one metadata_field" in text) == (_CODE.INVALID_ARGUMENT, True)
    request.metadata_field.append("other")
    code, text = _refused(server.prediction.GetModelMetadata, request)
    assert (code, text) == (_CODE.INVALID_ARGUMENT, "Metadata field other is not supported")


def test_the_status_tells_each_version(server: Server) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "contract"
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    answer = server.models.GetModelStatus(request)
    assert [(entry.version, entry.state) for entry in answer.model_version_status] == [
        (2, available), (1, available),
    ]  # fmt: skip
    request.model_spec.version.value = 9
    assert _refused(server.models.GetModelStatus, request) == (
        _CODE.NOT_FOUND, "Could not find version 9 of model contract",
    )  # fmt: skip


def test_an_empty_configuration_is_refused(server: Server) -> None:
    answer = server.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest())
    assert answer.status.error_code == _CODE.INVALID_ARGUMENT.value[0]


@pytest.mark.parametrize("service", ["ModelService", "PredictionService"])
def test_the_health_service_says_serving(server: Server, service: str) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(server.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_session_cannot_be_run_past_the_signatures(server: Server) -> None:
    call = server.channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")
    assert _refused(call, b"")[0] == _CODE.UNIMPLEMENTED
