"""A test server that checks the requests of Taxiway's client against KFP's published API.

The published API comes from the package kfp-server-api, which is generated from KFP's definition.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api
from google.protobuf import json_format

TOKEN = "letmein"

_SIMPLE = {"str": str, "int": (int, str), "bool": bool, "float": (int, float), "datetime": str}


def differences(value: Any, kind: str, path: str = "") -> Iterator[str]:
    """Yield one message per difference between a value and the published API.

    Args:
      value: value from JSON.
      kind: type in the generated client: `str`, `list[V2beta1Run]` or the name of a model.
      path: path of the value in the request; default "".
    """
    if kind == "object":
        return
    if kind in _SIMPLE:
        if not isinstance(value, _SIMPLE[kind]):  # JSON has 64-bit numbers as strings
            yield f"{path}: expected {kind}, got {value!r}"
    elif match := re.fullmatch(r"list\[(.*)\]", kind):
        for index, item in enumerate(value):
            yield from differences(item, match[1], f"{path}[{index}]")
    elif match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        for key, item in value.items():
            yield from differences(item, match[1], f"{path}.{key}")
    else:
        model = getattr(kfp_server_api, kind)
        if hasattr(model, "allowable_values") and not model.openapi_types:
            if value not in model.allowable_values:
                yield f"{path}: expected one of {model.allowable_values}, got {value!r}"
            return
        types = {model.attribute_map[name]: of for name, of in model.openapi_types.items()}
        for key, item in value.items():
            if key not in types:
                yield f"{path}.{key}: {kind} has no such field"
            else:
                yield from differences(item, types[key], f"{path}.{key}")


@dataclass
class Kfp:
    """The state of the server: its future answers and the requests that it received.

    Args:
      port: port of the server on loopback; default 0, not started.
      states: answers about a run, one per request; the last one repeats.
      requests: method, path and body of every request.
      experiments: ids of experiments by name.
      problems: differences from the published API.
      answer: status and body to send instead of a correct answer; default None.
    """

    port: int = 0
    states: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    experiments: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None

    @property
    def host(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        """Return the status and the body of the answer to a request.

        Args:
          method: method of the request.
          url: path and query of the request.
          body: parsed body of the request; None without a body.
        """
        parts = urlsplit(url)
        path = parts.path.removeprefix("/apis/v2beta1")
        self.requests.append((method, path, body))
        if (method, path) == ("GET", "/experiments"):
            query = parse_qs(parts.query)
            [predicate] = json.loads(query["filter"][0])["predicates"]
            name = predicate.pop("stringValue")
            assert predicate == {"operation": "EQUALS", "key": "display_name"}
            if name not in self.experiments:
                return 200, {}
            return 200, {"experiments": [{"experiment_id": self.experiments[name]}]}
        if (method, path) == ("POST", "/experiments"):
            self._check(body, "V2beta1Experiment")
            self.experiments[body["display_name"]] = "e-1"
            return 200, body | {"experiment_id": "e-1"}
        if (method, path) == ("POST", "/runs"):
            self._check(body, "V2beta1Run")
            self._check_package(body)
            return 200, body | {"run_id": "r-1", "state": "PENDING"}
        if (method, path) == ("POST", "/recurringruns"):
            self._check(body, "V2beta1RecurringRun")
            self._check_package(body)
            return 200, body | {"recurring_run_id": "s-1"}
        if (method, path) == ("GET", "/runs/r-1"):
            return 200, self.states.pop(0) if len(self.states) > 1 else self.states[0]
        message = {"error": "Run not found.", "code": 5, "message": f"{path} not found."}
        return 404, message

    def _check(self, body: Any, kind: str) -> None:
        self.problems += differences(body, kind, kind)

    def _check_package(self, body: Any) -> None:
        from kfp.pipeline_spec import pipeline_spec_pb2 as spec

        assert body["experiment_id"] == "e-1"
        both = body["pipeline_spec"]
        parsed = json_format.ParseDict(both["pipeline_spec"], spec.PipelineSpec())
        json_format.ParseDict(both["platform_spec"], spec.PlatformSpec())
        definitions = parsed.root.input_definitions.parameters
        unknown = body["runtime_config"]["parameters"].keys() - definitions.keys()
        self.problems += [f"the package has no parameter {name}" for name in unknown]


@contextmanager
def serving() -> Iterator[Kfp]:
    """Run the server during the block and yield its state."""
    kfp = Kfp()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            if kfp.answer is not None:
                status, content = kfp.answer
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, content = 401, b'{"error": "no token", "message": "no token"}'
            else:
                status, answer = kfp.take(self.command, self.path, body)
                content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 302:
                self.send_header("Location", "/dex/auth")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 (the library's names)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kfp.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kfp
    finally:
        server.shutdown()
        server.server_close()
