"""The model server: gRPC and REST in one process."""

from __future__ import annotations

import gc
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import uvicorn

from serving.server import metrics
from serving.server.listening import bind
from serving.server.options import Options
from serving.server.predictor import Predictor
from serving.server.protocols import grpc_server
from serving.server.protocols.rest_server import RestApplication
from serving.server.request_log import RequestLog
from serving.server.servables.manager import ModelManager

_GRACE_SECONDS = 10.0


class ModelServer:
    """A server with TensorFlow Serving's interfaces.

    Args:
      options: TensorFlow Serving's flags.

    Raises:
      AddressUnusable: a port is in use, or the address is not one of this machine.
      OSError: a file of the options cannot be read or written.
      ServingError: the config file cannot be used.
    """

    def __init__(self, options: Options) -> None:
        listening = (
            bind("REST", options.bind_address, max(0, options.rest_api_port))
            if options.rest_api_port or options.monitoring_config_file
            else None
        )
        self._manager = ModelManager(options)
        counts = metrics.Metrics()
        self._request_log = (
            RequestLog(Path(options.request_log_dir), options.request_log_sampling_rate, counts)
            if options.request_log_dir
            else None
        )
        predictor = Predictor(
            self._manager, counts, self._request_log, options.enable_serialization_as_tensor_content
        )
        self.rest_port: int | None = None
        self._rest: uvicorn.Server | None = None
        self._rest_thread: threading.Thread | None = None
        self._grpc: grpc.Server | None = None
        try:
            self._manager.start()
            if listening is not None:
                path = None
                if options.monitoring_config_file:
                    path = metrics.path(Path(options.monitoring_config_file).read_text("utf-8"))
                application = RestApplication(self._manager, predictor, counts, options, path)
                self._start_rest(application, listening)
            self._grpc, self.port = grpc_server.serve(self._manager, predictor, counts, options)
        except BaseException:
            self.stop()
            if listening is not None:
                listening.close()
            raise

    def without_versions(self) -> dict[str, Path]:
        """Return the base paths of the models that have no version yet, by name."""
        return self._manager.without_versions()

    def stop(self) -> None:
        """Answer the current requests, then stop."""
        if self._grpc is not None:
            self._grpc.stop(_GRACE_SECONDS).wait()
        self._stop_rest()
        self._manager.stop()
        if self._request_log is not None:
            self._request_log.close()

    def _start_rest(self, application: Any, listening: socket.socket) -> None:
        listening.listen(512)
        # Without this option, the second packet of an answer waits 40 ms for an acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest_port = listening.getsockname()[1]
        config = uvicorn.Config(
            application, http="httptools", lifespan="off", log_level="warning", access_log=False,
            timeout_graceful_shutdown=int(_GRACE_SECONDS), server_header=False,
        )  # fmt: skip
        self._rest = uvicorn.Server(config)
        self._rest_thread = threading.Thread(
            target=self._rest.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._rest_thread.start()

    def _stop_rest(self) -> None:
        if self._rest is not None and self._rest_thread is not None:
            self._rest.should_exit = True
            self._rest_thread.join(_GRACE_SECONDS)


def main(options: Options, ready: Callable[[ModelServer], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
      options: TensorFlow Serving's flags.
      ready: function that is called when the server answers.

    Raises:
      AddressUnusable: a port is in use, or the address is not one of this machine.
      OSError: a file of the options cannot be read or written.
      ServingError: the config file cannot be used.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = ModelServer(options)
    # Python's garbage collector takes 0.2 s for the objects of TensorFlow's import, so skip them.
    gc.freeze()
    ready(server)
    ended.wait()
    server.stop()
