"""A server that answers everything alike, and what a Flink answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

# What Flink 1.19 answers to GET /overview.
OVERVIEW = {
    "taskmanagers": 1, "slots-total": 2, "slots-available": 2, "jobs-running": 0,
    "jobs-finished": 0, "jobs-cancelled": 0, "jobs-failed": 0, "flink-version": "1.19.3",
    "flink-commit": "4105f8d",
}  # fmt: skip


@contextmanager
def answering(body: bytes, asked: list[str] | None = None, status: int = 200) -> Iterator[str]:
    """Answer all requests with the same body.

    Args:
      body: of each answer.
      asked: filled with the method and path of each request.
      status: of each answer.

    Yields:
      Where: host:port.
    """
    heard = [] if asked is None else asked

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def _answer(self) -> None:
            heard.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
