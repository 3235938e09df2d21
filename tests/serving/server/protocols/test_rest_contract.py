"""TensorFlow Serving's REST contract, case by case; runs against any server with its flags."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from tests.serving.server.conftest import Server

_MODEL = "/v1/models/contract"
_PREDICT = f"{_MODEL}:predict"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [1.0, 2.0]}, {"predictions": [0.25, 0.5]}),
        ({"instances": [1, 2]}, {"predictions": [0.25, 0.5]}),
        ({"instances": [{"x": 4.0}]}, {"predictions": [1.0]}),
        ({"inputs": [1.0, 2.0]}, {"outputs": [0.25, 0.5]}),
        ({"inputs": {"x": [1.0, 2.0]}}, {"outputs": [0.25, 0.5]}),
        ({"signature_name": "serving_default", "inputs": [8]}, {"outputs": [2.0]}),
        (
            {"signature_name": "two", "instances": [{"a": [1, 2], "b": [3, 4]}]},
            {"predictions": [{"product": [3.0, 8.0], "sum": [4.0, 6.0]}]},
        ),
        (
            {"signature_name": "two", "inputs": {"a": [[1, 2], [3, 4]], "b": [[1, 1], [2, 2]]}},
            {"outputs": {"product": [[1, 2], [6, 8]], "sum": [[2, 3], [5, 6]]}},
        ),
        (
            {"signature_name": "whole", "instances": [3, -4]},
            {"predictions": [{"n": 6, "half": 1.5}, {"n": -8, "half": -2.0}]},
        ),
        (
            {"signature_name": "whole", "instances": [9007199254740993]},
            {"predictions": [{"n": 18014398509481986, "half": 4503599627370496.0}]},
        ),
        (
            {"signature_name": "text", "instances": ["ab", {"b64": "Y2Q="}]},
            {"predictions": [{"s": "AB", "raw_bytes": {"b64": "YWIh"}},
                             {"s": "CD", "raw_bytes": {"b64": "Y2Qh"}}]},
        ),
        (
            {"signature_name": "text", "inputs": {"s": [{"b64": "/w=="}]}},
            {"outputs": {"s": ["\ufffd"], "raw_bytes": [{"b64": "/yE="}]}},
        ),
        ({"signature_name": "truth", "instances": [True, False]}, {"predictions": [False, True]}),
        ({"signature_name": "scalar", "inputs": [1.5, 2]}, {"outputs": 3.5}),
    ],
)  # fmt: skip
def test_predict_answers_in_the_form_it_was_asked(server: Server, body: Any, answer: Any) -> None:
    assert server.json(_PREDICT, body) == (200, answer)


def test_numbers_that_json_does_not_know_are_bare_words(server: Server) -> None:
    status, text = server.call(_PREDICT, {"signature_name": "specials", "instances": [1.0]})
    assert status == 200
    assert "".join(text.split()) == '{"predictions":[[Infinity,-Infinity,NaN]]}'
    status, text = server.call(_PREDICT, b'{"instances": [NaN, -Infinity]}')
    assert "".join(text.split()) == '{"predictions":[NaN,-Infinity]}'


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("4", "1.0"),
        ("0.4", "0.1"),
        ("4e30", "1e+30"),
        ("1.3333334", "0.333333343"),
        ("-0.0", "-0.0"),
    ],
)
def test_numbers_are_written_as_short_as_they_can_be(
    server: Server, number: str, written: str
) -> None:
    status, text = server.call(_PREDICT, f'{{"instances": [{number}]}}'.encode())
    assert (status, "".join(text.split())) == (200, f'{{"predictions":[{written}]}}')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error: "),
        (b"[1]", "Is not object"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": [1]}, "expecting only"),
        ({"instances": 1}, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": [1], "signature_name": 5}, "'signature_name' key must be a string value"),
        ({"instances": [1], "signature_name": "no"}, "input map for signature: no"),
        ({"instances": ["a"]}, "is not of expected type: float"),
        ({"instances": [True]}, "is not of expected type: float"),
        ({"instances": [None]}, "is not of expected type: float"),
        ({"instances": [1, [2]]}, "Failed to process element: 1 of 'instances' list"),
        ({"instances": [1, {"x": 2}]}, "Expecting value/list but got object at item 1"),
        ({"instances": [{"x": 1}, 2]}, "Expecting object but got list at item 1"),
        ({"instances": [{"z": 1}]}, "does not have named input: x"),
        ({"instances": [{"x": 1, "z": 1}]}, "keys must be equal to: x"),
        ({"signature_name": "whole", "instances": [1.5]}, "is not of expected type: int64"),
        ({"signature_name": "whole", "instances": [2**63]}, "is not of expected type: int64"),
        ({"signature_name": "text", "instances": [1]}, "is not of expected type: string"),
        ({"signature_name": "text", "instances": [{"b64": "?"}]}, "base64"),
        ({"signature_name": "text", "instances": ["\ud800"]}, "surrogate pair"),
        ({"signature_name": "\udc00", "instances": [1]}, "surrogate pair"),
        ({"signature_name": "two", "instances": [1]}, "expecting list of objects"),
        ({"signature_name": "two", "inputs": [1]}, "expecting an object"),
        ({"signature_name": "two", "inputs": {"a": [[1, 2]]}}, "Missing named input: b"),
        ({"signature_name": "two", "instances": [{"a": [1, 2], "b": [1, 2, 3]}]}, "Incompatible"),
        ({"signature_name": "scalar", "instances": [1]}, "Tensor name: total has no shape"),
        ({"signature_name": "fails", "instances": [1]}, "not finite"),
        ({"inputs": {"x": [1, [2]]}}, "Encountered list at unexpected level"),
        ({"inputs": {"x": [[1], [2, 3]]}}, "Encountered list at unexpected size: 2"),
    ],
)
def test_a_bad_predict_request_is_answered_with_400_and_the_reason(
    server: Server, body: Any, message: str
) -> None:
    status, content = server.json(_PREDICT, body)
    assert (status, list(content)) == (400, ["error"])
    assert message in content["error"]


@pytest.mark.parametrize(
    ("path", "factor"),
    [
        ("/versions/1", 0.5),
        ("/versions/2", 0.25),
        ("/versions/0000002", 0.25),
        ("/labels/stable", 0.5),
        ("/labels/canary", 0.25),
        ("/labels/s%74able", 0.5),
        ("", 0.25),
    ],
)
def test_a_version_or_label_can_be_asked_for(server: Server, path: str, factor: float) -> None:
    assert server.json(f"{_MODEL}{path}:predict", {"instances": [1]}) == (
        200, {"predictions": [factor]},
    )  # fmt: skip


def test_paths_are_case_insensitive(server: Server) -> None:
    assert server.json("/V1/Models/contract:PREDICT", {"instances": [4]})[0] == 200


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/none:predict", 404, "Servable not found for request: Latest(none)"),
        (f"{_MODEL}/versions/9:predict", 404,
         "Servable not found for request: Specific(contract, 9)"),
        (f"{_MODEL}/labels/none:predict", 400, "Unrecognized servable version label: none"),
        (f"{_MODEL}:explain", 400, f"Malformed request: POST {_MODEL}:explain"),
        (f"{_MODEL}", 400, f"Malformed request: POST {_MODEL}"),
        (f"{_MODEL}/versions/x:predict", 400, "Malformed request"),
        (f"{_MODEL}/versions/99999999999999999999:predict", 400, "to numeric"),
        ("/v1/nothing", 400, "Malformed request: POST /v1/nothing"),
        ("/v1/models/../../etc/passwd:predict", 400, "Malformed request"),
        ("/v1/models/broken:predict", 404, "Servable not found for request: Latest(broken)"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_answered(
    server: Server, path: str, status: int, message: str
) -> None:
    got, content = server.json(path, {"instances": [1]})
    assert (got, message in content["error"]) == (status, True)


def test_paths_outside_the_api_are_not_found(server: Server) -> None:
    assert server.call("/")[0] == server.call("/v2/models")[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_verbs_are_malformed(server: Server, method: str) -> None:
    status, text = server.call(_PREDICT, b"{}", method)
    assert (status, "Malformed request" in text) == (400, True)


def test_a_compressed_body_is_inflated(server: Server) -> None:
    body = gzip.compress(json.dumps({"instances": [4]}).encode())
    status, text = server.call(_PREDICT, body, headers={"Content-Encoding": "gzip"})
    assert (status, json.loads(text)) == (200, {"predictions": [1.0]})
    assert server.call(_PREDICT, b"no gzip", headers={"Content-Encoding": "gzip"})[0] == 400


@pytest.mark.parametrize(
    ("body", "results"),
    [
        ({"examples": [{"value": 0.25, "name": "yes"}]}, [[["yes", 0.25], ["no", 0.75]]]),
        ({"examples": [{"value": [0.5]}, {}]},
         [[["none", 0.5], ["no", 0.5]], [["none", 1.0], ["no", 0.0]]]),
        ({"context": {"name": "all"}, "examples": [{"value": 0.5}]}, [[["all", 0.5], ["no", 0.5]]]),
        (
            {"context": {"name": "all"}, "examples": [{"value": 0.5, "name": {"b64": "b25l"}}]},
            [[["one", 0.5], ["no", 0.5]]],
        ),
    ],
)  # fmt: skip
def test_classify_answers_labels_and_scores(server: Server, body: Any, results: Any) -> None:
    body["signature_name"] = "classify"
    assert server.json(f"{_MODEL}:classify", body) == (200, {"results": results})


def test_regress_answers_values(server: Server) -> None:
    body = {"signature_name": "regress", "examples": [{"value": 0.25}, {"value": 2.0}]}
    assert server.json(f"{_MODEL}:regress", body) == (200, {"results": [0.5, 4.0]})


@pytest.mark.parametrize(
    ("verb", "body", "message"),
    [
        ("classify", {"examples": [{"value": 1.0}]},
         "method_name to be tensorflow/serving/classify"),
        ("regress", {"signature_name": "classify", "examples": [{"value": 1.0}]},
         "method_name to be tensorflow/serving/regress"),
        ("classify", {"signature_name": "none", "examples": [{}]}, "No signature was found"),
        ("classify", {"signature_name": "classify", "examples": []}, "examples"),
        ("classify", {"signature_name": "classify"}, "examples"),
        ("classify", {"signature_name": "classify", "examples": [{"value": [1.0, "a"]}]},
         "Unexpected element type in feature: value"),
        ("classify", {"signature_name": "classify", "examples": [{"value": True}]},
         "unexpected JSON type: True"),
        # A whole number becomes an int64_list, which the float feature does not take.
        ("regress", {"signature_name": "regress", "examples": [{"value": 2}]}, "value"),
    ],
)  # fmt: skip
def test_bad_examples_are_answered_with_400(
    server: Server, verb: str, body: Any, message: str
) -> None:
    status, content = server.json(f"{_MODEL}:{verb}", body)
    assert (status, message in content["error"]) == (400, True), content


def test_the_status_of_all_versions_is_returned(server: Server) -> None:
    status, content = server.json(_MODEL)
    assert status == 200
    fine = {"error_code": "OK", "error_message": ""}
    assert content["model_version_status"] == [
        {"version": "2", "state": "AVAILABLE", "status": fine},
        {"version": "1", "state": "AVAILABLE", "status": fine},
    ]


def test_the_status_of_one_version_is_returned(server: Server) -> None:
    for path in ("/versions/1", "/labels/stable"):
        [status] = server.json(_MODEL + path)[1]["model_version_status"]
        assert (status["version"], status["state"]) == ("1", "AVAILABLE")
    assert server.json(f"{_MODEL}/versions/9") == (
        404, {"error": "Could not find version 9 of model contract"},
    )  # fmt: skip
    assert server.json("/v1/models/none") == (
        404, {"error": "Could not find any versions of model none"},
    )  # fmt: skip
    assert server.json("/v1/models") == (400, {"error": "Missing model name in request."})


def test_a_version_that_cannot_be_loaded_says_why(server: Server) -> None:
    server.wait("broken", v1="END")
    [status] = server.json("/v1/models/broken")[1]["model_version_status"]
    assert status["status"]["error_code"] != "OK"
    assert status["status"]["error_message"]


def test_the_metadata_holds_every_signature(server: Server) -> None:
    status, content = server.json(f"{_MODEL}/versions/1/metadata")
    assert (status, content["model_spec"]) == (
        200, {"name": "contract", "signature_name": "", "version": "1"},
    )  # fmt: skip
    signatures = content["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "classify", "regress", "two"} <= set(signatures)
    x = signatures["serving_default"]["inputs"]["x"]
    assert x["dtype"] == "DT_FLOAT"
    assert x["tensor_shape"] == {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert signatures["regress"]["method_name"] == "tensorflow/serving/regress"


def test_requests_are_counted_under_tf_servings_names(server: Server) -> None:
    server.json(_PREDICT, {"instances": [1]})
    status, text = server.call("/monitoring/prometheus/metrics")
    assert status == 200
    assert ':tensorflow:serving:request_count{model_name="contract",status="OK"}' in text
    labels = {
        frozenset(re.findall(r'(\w+)="([^"]*)"', line)) - {("le", "+Inf")}
        for line in text.splitlines()
        if line.startswith(":tensorflow:serving:request_latency_bucket") and 'le="+Inf"' in line
    }
    model = ("model_name", "contract")
    assert {model, ("API", "Predict"), ("entrypoint", "REST")} in labels
