"""A server that answers all requests with one body, and the answer of a Flink."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

# The answer of Flink 1.19 to GET /overview.
OVERVIEW = {
    "taskmanagers": 1, "slots-total": 2, "slots-available": 2, "jobs-running": 0,
    "jobs-finished": 0, "jobs-cancelled": 0, "jobs-failed": 0, "flink-version": "1.19.3",
    "flink-commit": "4105f8d",
}  # fmt: skip


@contextmanager
def answering(body: bytes, requests: list[str] | None = None, status: int = 200) -> Iterator[str]:
    """Answer all requests with the same body.

    Args:
      body: body of all answers.
      requests: list that gets the method and path of every request; default None.
      status: HTTP status of all answers; default 200.

    Yields:
      The address of the server: host:port.
    """
    log = [] if requests is None else requests

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def _answer(self) -> None:
            log.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
