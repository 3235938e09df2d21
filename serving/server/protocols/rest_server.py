"""TensorFlow Serving's REST interface, as an ASGI application."""

from __future__ import annotations

import asyncio
import json
import re
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

from serving.server.errors import Code, ServingError, invalid
from serving.server.metrics import Metrics
from serving.server.options import Options
from serving.server.predictor import Predictor
from serving.server.protocols import rest_request, rest_response
from serving.server.servables.manager import ModelManager
from serving.server.servables.servable import DEFAULT_SIGNATURE

_PREDICTION = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)", re.I
)
_STATUS = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?", re.I
)
_MAX_INT64 = 2**63 - 1

# More than any request needs, and less than the machine has.
_MAX_BODY = 256 << 20

_STATUSES = {
    Code.INVALID_ARGUMENT: 400, Code.FAILED_PRECONDITION: 400, Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401, Code.PERMISSION_DENIED: 403, Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409, Code.ABORTED: 409, Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501, Code.UNAVAILABLE: 503, Code.DEADLINE_EXCEEDED: 504,
}  # fmt: skip
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
]

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class _Target:
    """The model and the method that a path names."""

    model: str
    version: int | None
    label: str | None
    verb: str


class RestApplication:
    """Answer HTTP requests.

    Args:
      manager: manager of the loaded versions.
      predictor: predictor that computes the answers.
      metrics: metrics of the server.
      options: options of the server.
      metrics_path: path that Prometheus reads; None: there is no such path.
    """

    def __init__(
        self,
        manager: ModelManager,
        predictor: Predictor,
        metrics: Metrics,
        options: Options,
        metrics_path: str | None,
    ) -> None:
        self._manager = manager
        self._predictor = predictor
        self._metrics = metrics
        self._options = options
        self._metrics_path = metrics_path
        self._threads = ThreadPoolExecutor(options.rest_api_num_threads, "rest")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI defines it."""
        if scope["type"] != "http":
            return
        method = scope["method"]
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope["path"]
        kind = b"application/json"
        try:
            body = await _read(receive, dict(scope["headers"]))
            if path == self._metrics_path and method == "GET":
                status, kind, content = 200, b"text/plain; version=0.0.4", self._metrics.text()
            elif not path.lower().startswith("/v1/"):
                status, content = 404, _error("Not found")
            elif method == "OPTIONS" and self._options.rest_api_enable_cors_support:
                status, content = 200, b""
            else:
                loop = asyncio.get_running_loop()
                status, content = await loop.run_in_executor(
                    self._threads, self._answer, method, path, body
                )
        except _TooLarge as error:
            status, content = 413, _error(str(error))
        except ServingError as error:
            status, content = _STATUSES.get(error.code, 500), _error(error.message)
        headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
        if self._options.rest_api_enable_cors_support:
            headers += _CORS
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        began, target, code = time.perf_counter(), None, "OK"
        try:
            target = _target(method, path)
            return 200, self._dispatch(method, target, body)
        except ServingError as error:
            code = error.code.name
            return _STATUSES.get(error.code, 500), _error(error.message)
        except RecursionError:  # a newer Python parses deeper nesting than it can traverse
            code = "INVALID_ARGUMENT"
            return 400, _error("JSON Parse error: nested too deeply")
        except Exception as error:  # a bug must not end the connection without an answer
            code = "INTERNAL"
            return 500, _error(f"{type(error).__name__}: {error}")
        finally:
            if target is not None and method == "POST":
                api = target.verb.capitalize()
                seconds = time.perf_counter() - began
                self._metrics.answered(target.model, api, "REST", code, seconds)

    def _dispatch(self, method: str, target: _Target, body: bytes) -> bytes:
        if method == "POST" and target.verb == "predict":
            return self._predict(target, body)
        if method == "POST":
            return self._classify_or_regress(target, body)
        if not target.model:
            raise invalid("Missing model name in request.")
        if target.verb == "metadata":
            return self._metadata(target)
        return self._status(target)

    def _predict(self, target: _Target, body: bytes) -> bytes:
        content = rest_request.parse(body)
        with self._manager.lease(target.model, target.version, target.label) as (servable, version):

            def inputs_of(signature: str) -> Mapping[str, Any]:
                name = signature or DEFAULT_SIGNATURE
                if name not in servable.signatures:
                    raise invalid(
                        f"Failed to get input map for signature: {signature or 'DEFAULT'}"
                    )
                return dict(servable.signatures[name].inputs)

            parsed = rest_request.predict_body(content, inputs_of)
            outputs = self._predictor.run(
                servable, target.model, parsed.signature or DEFAULT_SIGNATURE, parsed.feed,
                timeout_ms=self._timeout_ms,
            )  # fmt: skip
            self._predictor.log_arrays(
                target.model, version, parsed.signature or DEFAULT_SIGNATURE, parsed.feed, outputs
            )
            return rest_response.predictions(outputs, parsed.by_row)

    def _classify_or_regress(self, target: _Target, body: bytes) -> bytes:
        signature, examples, context = rest_request.examples(rest_request.parse(body))
        classify = target.verb == "classify"
        request = (
            classification_pb2.ClassificationRequest()
            if classify
            else regression_pb2.RegressionRequest()
        )
        _fill(request.model_spec, target)
        request.model_spec.signature_name = signature
        if context is None:
            request.input.example_list.examples.extend(examples)
        else:
            request.input.example_list_with_context.examples.extend(examples)
            request.input.example_list_with_context.context.CopyFrom(context)
        answer = self._predictor.classify if classify else self._predictor.regress
        return rest_response.results(answer(request, self._timeout_ms).result)

    def _metadata(self, target: _Target) -> bytes:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, target)
        answer = self._predictor.metadata(request)
        signature_map = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signature_map)
        spec = {
            "name": target.model,
            "signature_name": "",
            "version": str(answer.model_spec.version.value),
        }
        signatures = {
            name: _definition(signature) for name, signature in signature_map.signature_def.items()
        }
        content = {
            "model_spec": spec,
            "metadata": {"signature_def": {"signature_def": signatures}},
        }
        return json.dumps(content, indent=1).encode()

    def _status(self, target: _Target) -> bytes:
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, target)
        state = get_model_status_pb2.ModelVersionStatus.State
        versions = []
        for version in self._predictor.status(request).model_version_status:
            code = version.status.error_code
            versions.append({
                "version": str(version.version),
                "state": state.Name(version.state),
                "status": {
                    "error_code": Code(code).name if code else "OK",
                    "error_message": version.status.error_message,
                },
            })  # fmt: skip
        return json.dumps({"model_version_status": versions}, indent=1).encode()

    @property
    def _timeout_ms(self) -> int | None:
        timeout = self._options.rest_api_timeout_in_ms
        return timeout if timeout > 0 else None


class _TooLarge(Exception):
    pass


async def _read(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _MAX_BODY:
            raise _TooLarge(f"a request body has at most {_MAX_BODY} bytes")
        if not message.get("more_body"):
            break
    body = b"".join(parts)
    if headers.get(b"content-encoding", b"").lower() != b"gzip":
        return body
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = inflate.decompress(body, _MAX_BODY)
    except zlib.error as error:
        raise invalid(f"the body is not gzip: {error}") from error
    if inflate.unconsumed_tail:
        raise _TooLarge(f"a request body has at most {_MAX_BODY} bytes when it is inflated")
    return content


def _target(method: str, path: str) -> _Target:
    """Parse a path.

    Raises:
      ServingError: the path names no method.
    """
    pattern = {"POST": _PREDICTION, "GET": _STATUS}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise invalid(f"Malformed request: {method} {path}")
    name, version, label, verb = match.groups()
    if version is not None and int(version) > _MAX_INT64:
        raise invalid(f"Failed to convert version: {version} to numeric.")
    return _Target(
        unquote(name or ""),
        None if version is None else int(version),
        None if label is None else unquote(label),
        (verb or "").lower(),
    )


def _fill(spec: Any, target: _Target) -> None:
    spec.name = target.model
    if target.version is not None:
        spec.version.value = target.version
    if target.label is not None:
        spec.version_label = target.label


def _definition(signature: Any) -> dict[str, Any]:
    return {
        "inputs": {name: _tensor(info) for name, info in sorted(signature.inputs.items())},
        "outputs": {name: _tensor(info) for name, info in sorted(signature.outputs.items())},
        "method_name": signature.method_name,
        "defaults": {},
    }


def _tensor(info: Any) -> dict[str, Any]:
    from tensorflow.core.framework import types_pb2

    shape = info.tensor_shape
    return {
        "dtype": types_pb2.DataType.Name(info.dtype),
        "tensor_shape": {
            "dim": [{"size": str(dim.size), "name": dim.name} for dim in shape.dim],
            "unknown_rank": shape.unknown_rank,
        },
        "name": info.name,
    }


def _error(message: str) -> bytes:
    return json.dumps({"error": message}).encode()
