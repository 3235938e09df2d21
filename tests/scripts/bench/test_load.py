"""Figures from the log of h2load; a failed request ends the measurement."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from scripts.bench import load
from serving.client.transport import EncodedRequest

_HAS_H2LOAD = pytest.mark.skipif(which("h2load") is None, reason="h2load is missing")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server that answers GET, and POST with an error."""
    (tmp_path / "page").write_text("here")

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status = 200 if self.path == "/page" else 500
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@_HAS_H2LOAD
def test_answered_requests_are_counted(address: str) -> None:
    result = load.drive(EncodedRequest(f"{address}/page", {}, b"here", http2=False), 2, 0.2)
    assert result.per_second > 1
    assert 0 < result.p50_ms <= result.p99_ms


@_HAS_H2LOAD
def test_a_failed_request_ends_the_measurement(address: str) -> None:
    with pytest.raises(RuntimeError, match="8 of 8 requests failed"):
        load.drive(EncodedRequest(f"{address}/other", {}, b"here", http2=False), 2, 0.2)


def test_the_median_of_every_figure_is_returned() -> None:
    loads = [load.Load(1, 30, 5), load.Load(3, 10, 4), load.Load(2, 20, 9)]
    assert load.median(loads) == load.Load(2, 20, 5)
