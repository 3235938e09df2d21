"""TensorFlow Serving's gRPC services."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.server import messages
from serving.server.config import from_proto
from serving.server.errors import ServingError, invalid
from serving.server.listening import AddressUnusable, bind
from serving.server.metrics import Metrics
from serving.server.options import Options
from serving.server.predictor import Predictor
from serving.server.servables.manager import ModelManager

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_NO_LIMIT = 2**31 - 1

T = TypeVar("T")


def serve(
    manager: ModelManager, predictor: Predictor, metrics: Metrics, options: Options
) -> tuple[grpc.Server, int]:
    """Start the services.

    Args:
      manager: manager of the loaded versions.
      predictor: predictor that computes the answers.
      metrics: metrics of the server.
      options: options of the server.

    Returns:
      The server and its port.

    Raises:
      AddressUnusable: the port is in use.
      OSError: the socket's path cannot be used.
      ServingError: the SSL configuration cannot be used.
    """
    server = grpc.server(
        ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix="grpc"),
        options=[
            ("grpc.max_receive_message_length", _NO_LIMIT),
            ("grpc.max_send_message_length", _NO_LIMIT),
            # Without it, two servers could share a port and answer some of the requests each.
            ("grpc.so_reuseport", 0),
            *options.channel_arguments,
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _PredictionService(predictor, metrics), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        _ModelService(manager, predictor), server
    )
    if options.enable_grpc_healthcheck_service:
        _add_health(server)
    port = _add_port(server, options)
    if options.grpc_socket_path:
        try:
            server.add_insecure_port(f"unix:{options.grpc_socket_path}")
        except RuntimeError as error:
            raise OSError(
                errno.EADDRNOTAVAIL, "cannot create this socket", options.grpc_socket_path
            ) from error
    server.start()
    return server, port


def _add_port(server: grpc.Server, options: Options) -> int:
    address = f"{options.bind_address}:{options.port}"
    credentials = _credentials(Path(options.ssl_config_file)) if options.ssl_config_file else None
    if not any(name == "grpc.so_reuseport" for name, _ in options.channel_arguments):
        # gRPC writes its own lines to standard error, and does not state the reason to its caller.
        bind("gRPC", options.bind_address, options.port).close()
    try:
        if credentials is not None:
            return int(server.add_secure_port(address, credentials))
        return int(server.add_insecure_port(address))
    except RuntimeError as error:
        raise AddressUnusable(
            "gRPC", options.bind_address, options.port, OSError(str(error))
        ) from error


def _credentials(file: Path) -> grpc.ServerCredentials:
    config = messages.parse("SSLConfig", file.read_text(encoding="utf-8"), "ssl_config_file")
    if config.client_verify and not config.custom_ca:
        raise invalid("--ssl_config_file: client_verify needs custom_ca")
    if not all("-----BEGIN " in text for text in (config.server_key, config.server_cert)):
        raise invalid("--ssl_config_file: server_key and server_cert are no key and certificate")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        config.custom_ca.encode() or None,
        config.client_verify,
    )


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, predictor: Predictor, metrics: Metrics) -> None:
        self._predictor = predictor
        self._metrics = metrics

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        return self._timed("Predict", self._predictor.predict, request, context)

    def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._timed("Classify", self._predictor.classify, request, context)

    def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._timed("Regress", self._predictor.regress, request, context)

    def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._timed("MultiInference", self._predictor.multi_inference, request, context)

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _answer(lambda: self._predictor.metadata(request), context)

    def _timed(
        self, api: str, answer: Callable[[Any, int | None], T], request: Any, context: Any
    ) -> T:
        began, code = time.perf_counter(), "OK"
        left = context.time_remaining()
        timeout_ms = None if left is None or left > _NO_LIMIT / 1e3 else max(1, int(left * 1e3))
        try:
            return answer(request, timeout_ms)
        except ServingError as error:
            code = error.code.name
            context.abort(_CODES[error.code], error.message)
            raise AssertionError("abort raises") from error
        finally:
            model = _model(request)
            self._metrics.answered(model, api, "GRPC", code, time.perf_counter() - began)


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, manager: ModelManager, predictor: Predictor) -> None:
        self._manager = manager
        self._predictor = predictor

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _answer(lambda: self._predictor.status(request), context)

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        response = model_management_pb2.ReloadConfigResponse()
        try:
            if request.config.WhichOneof("config") is None:
                raise invalid("Missing model server config")
            self._manager.reload(from_proto(request.config))
        except ServingError as error:
            response.status.error_code = error.code
            response.status.error_message = error.message
        return response


def _answer(answer: Callable[[], T], context: Any) -> T:
    try:
        return answer()
    except ServingError as error:
        context.abort(_CODES[error.code], error.message)
        raise AssertionError("abort raises") from error


def _model(request: Any) -> str:
    tasks = getattr(request, "tasks", None)
    if tasks is not None:
        return str(tasks[0].model_spec.name) if tasks else ""
    return str(request.model_spec.name)


def _add_health(server: grpc.Server) -> None:
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    servicer = health.HealthServicer()
    for name in ("ModelService", "PredictionService"):
        servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
