"""Hostile and meaningless requests: no 5xx, no hang, and the next valid one succeeds."""

from __future__ import annotations

import gzip
import json
import random
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from tests.proof import Proof
from tests.serving.server.conftest import Server

_PATH = "/v1/models/contract:predict"
_SIGNATURES = ("serving_default", "two", "whole", "text", "truth", "scalar", "fails", "classify")


def _value(draw: random.Random, depth: int = 0) -> Any:
    """Generate almost any JSON."""
    kinds: list[Callable[[], Any]] = [
        lambda: None, lambda: True, lambda: draw.randint(-(2**70), 2**70), lambda: draw.random(),
        lambda: float("nan"), lambda: 1e308, lambda: "", lambda: "\ud800\0é",
        lambda: {"b64": "/w=="}, lambda: {"b64": "%%%"}, lambda: {"b64": 5},
    ]  # fmt: skip
    if depth < 4:
        kinds += [
            lambda: [_value(draw, depth + 1) for _ in range(draw.randint(0, 4))],
            lambda: {draw.choice(["x", "a", "b", "n", "s", ""]): _value(draw, depth + 1)},
        ] * 3
    return draw.choice(kinds)()


def _body(draw: random.Random) -> bytes:
    made = draw.randint(0, 9)
    if made == 0:
        return bytes(draw.randrange(256) for _ in range(draw.randint(0, 200)))
    if made == 1:
        return b"[" * draw.randint(1, 50_000)
    if made == 2:
        return b'{"instances":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
    content: dict[str, Any] = {draw.choice(["instances", "inputs", "examples", "x"]): _value(draw)}
    if draw.random() < 0.8:
        content["signature_name"] = draw.choice([*_SIGNATURES, "", "none", 5])
    text = json.dumps(content).encode()
    if made == 3:
        return text[: draw.randint(0, len(text))]
    return text


def _path(draw: random.Random) -> str:
    if draw.random() < 0.8:
        return _PATH
    return draw.choice([
        "/v1/models/contract:classify", "/v1/models/contract:regress", "/v1/models/%2e%2e:predict",
        "/v1/models/contract/versions/99999999999999999999:predict", "/v1/models/%ff%00:predict",
        "/v1/models/contract/labels/%2F:predict", "/v1/models//:predict", "/v1//models/contract",
        f"/v1/models/{'a' * 5000}:predict", "/v1/models/contract/versions/-1:predict",
    ])  # fmt: skip


def _is_well(server: Server) -> bool:
    return server.json(_PATH, {"instances": [4]}) == (200, {"predictions": [1.0]})


def test_no_rest_request_is_answered_with_a_failure_of_the_server(
    server: Server, full: bool, proof: Proof
) -> None:
    draw = random.Random(20130101)
    for number in range(5_000 if full else 150):
        path, body = _path(draw), _body(draw)
        zipped = draw.random() < 0.1
        headers = {"Content-Encoding": "gzip"} if draw.random() < 0.15 else {}
        status, text = server.call(path, gzip.compress(body) if zipped else body, "POST", headers)
        broken = [] if status < 500 else [f"{status} {text[:200]} for {path} {body[:200]!r}"]
        if number % 50 == 49 and not _is_well(server):
            broken.append(f"after {number} requests the next good one failed")
        proof.case("malformed REST requests", broken)
        assert broken == []


def test_no_grpc_request_is_answered_with_a_failure_of_the_server(
    server: Server, full: bool, proof: Proof
) -> None:
    draw = random.Random(20130102)
    codes = grpc.StatusCode
    for _ in range(5_000 if full else 150):
        service, method = draw.choice([
            ("PredictionService", "Predict"), ("PredictionService", "Classify"),
            ("PredictionService", "Regress"), ("PredictionService", "MultiInference"),
            ("PredictionService", "GetModelMetadata"), ("ModelService", "GetModelStatus"),
        ])  # fmt: skip
        body = bytes(draw.randrange(256) for _ in range(draw.randint(0, 40)))
        if draw.random() < 0.7:  # a request that names the model, and then goes wrong
            body = b"\x0a\x0a\x0a\x08contract" + body
        call = server.channel.unary_unary(f"/tensorflow.serving.{service}/{method}")
        code = codes.OK
        try:
            call(body, timeout=20)
        except grpc.RpcError as error:
            code = error.code()
            # What is no protobuf at all is gRPC's own to answer.
            if code == codes.INTERNAL and "deserializing" in (error.details() or ""):
                code = codes.INVALID_ARGUMENT
        wrong = code in (codes.INTERNAL, codes.UNKNOWN, codes.DEADLINE_EXCEEDED, codes.DATA_LOSS)
        broken = [f"{code} for {method} {body!r}"] if wrong else []
        proof.case("malformed gRPC requests", broken)
        assert broken == []
    assert _is_well(server)


def test_a_bomb_of_zeros_is_too_large(server: Server) -> None:
    bomb = gzip.compress(b"0" * (300 << 20), 9)
    assert len(bomb) < 1 << 20
    status, text = server.call(_PATH, bomb, headers={"Content-Encoding": "gzip"})
    assert (status, "at most" in text) == (413, True)
    assert _is_well(server)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"POST /v1/models/contract:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /v1/models/contract:predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /v1/models/contract HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
    ids=["silence", "half a body", "less than nothing", "a long header", "two lengths", "TLS"],
)
def test_connections_that_stop_halfway_hold_nothing_up(server: Server, head: bytes) -> None:
    address = urlsplit(server.rest)
    assert address.hostname is not None and address.port is not None
    opened = [socket.create_connection((address.hostname, address.port)) for _ in range(40)]
    for connection in opened:
        connection.sendall(head)
    assert _is_well(server)
    for connection in opened:
        connection.close()
    assert _is_well(server)
