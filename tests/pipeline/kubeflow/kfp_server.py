"""A server that takes of KFP's API what a client of ours sends, and holds it to what is published.

The published API is that of the package kfp-server-api, which is generated from KFP's own.
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


def differences(value: Any, kind: str, where: str = "") -> Iterator[str]:
    """Yield where a value is not what the published API has.

    Args:
      value: as JSON has it.
      kind: as the generated client has it: `str`, `list[V2beta1Run]`, a model's name.
      where: in the whole.
    """
    if kind == "object":
        return
    if kind in _SIMPLE:
        if not isinstance(value, _SIMPLE[kind]):  # 64-bit numbers are texts in JSON
            yield f"{where}: {value!r} is no {kind}"
    elif each := re.fullmatch(r"list\[(.*)\]", kind):
        for number, item in enumerate(value):
            yield from differences(item, each[1], f"{where}[{number}]")
    elif each := re.fullmatch(r"dict\(str, (.*)\)", kind):
        for key, item in value.items():
            yield from differences(item, each[1], f"{where}.{key}")
    else:
        model = getattr(kfp_server_api, kind)
        if hasattr(model, "allowable_values") and not model.openapi_types:
            if value not in model.allowable_values:
                yield f"{where}: {value!r} is none of {model.allowable_values}"
            return
        types = {model.attribute_map[name]: of for name, of in model.openapi_types.items()}
        for key, item in value.items():
            if key not in types:
                yield f"{where}.{key}: {kind} has no such field"
            else:
                yield from differences(item, types[key], f"{where}.{key}")


@dataclass
class Kfp:
    """What the server has been told, and what it will say.

    Args:
      port: on loopback.
      states: of a run, one for each time that it is asked for; the last one stays.
      asked: method, path and body of each request.
      experiments: ids by name.
      wrong: what was not as it is published.
      answer: status and body in the place of a right answer.
    """

    port: int = 0
    states: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    experiments: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None

    @property
    def host(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        """Answer a request."""
        parts = urlsplit(url)
        path = parts.path.removeprefix("/apis/v2beta1")
        self.asked.append((method, path, body))
        if (method, path) == ("GET", "/experiments"):
            asked = parse_qs(parts.query)
            [predicate] = json.loads(asked["filter"][0])["predicates"]
            name = predicate.pop("stringValue")
            assert predicate == {"operation": "EQUALS", "key": "display_name"}
            found = [{"experiment_id": self.experiments[name]}] if name in self.experiments else []
            return 200, {"experiments": found} if found else {}
        if (method, path) == ("POST", "/experiments"):
            self._hold(body, "V2beta1Experiment")
            self.experiments[body["display_name"]] = "e-1"
            return 200, body | {"experiment_id": "e-1"}
        if (method, path) == ("POST", "/runs"):
            self._hold(body, "V2beta1Run")
            self._hold_package(body)
            return 200, body | {"run_id": "r-1", "state": "PENDING"}
        if (method, path) == ("POST", "/recurringruns"):
            self._hold(body, "V2beta1RecurringRun")
            self._hold_package(body)
            return 200, body | {"recurring_run_id": "s-1"}
        if (method, path) == ("GET", "/runs/r-1"):
            return 200, self.states.pop(0) if len(self.states) > 1 else self.states[0]
        message = {"error": "Run not found.", "code": 5, "message": f"{path} not found."}
        return 404, message

    def _hold(self, body: Any, kind: str) -> None:
        self.wrong += differences(body, kind, kind)

    def _hold_package(self, body: Any) -> None:
        from kfp.pipeline_spec import pipeline_spec_pb2 as spec

        assert body["experiment_id"] == "e-1"
        both = body["pipeline_spec"]
        parsed = json_format.ParseDict(both["pipeline_spec"], spec.PipelineSpec())
        json_format.ParseDict(both["platform_spec"], spec.PlatformSpec())
        known = parsed.root.input_definitions.parameters
        unknown = body["runtime_config"]["parameters"].keys() - known.keys()
        self.wrong += [f"parameter {name} is none of the package" for name in unknown]


@contextmanager
def serving() -> Iterator[Kfp]:
    """Run the server while the block runs."""
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
                status, found = kfp.take(self.command, self.path, body)
                content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 302:
                self.send_header("Location", "/dex/auth")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 (the library's names)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kfp.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield kfp
    finally:
        server.shutdown()
        server.server_close()
