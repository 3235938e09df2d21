"""A stand-in for the `docker` command: its containers are processes of this machine.

It accepts the arguments that Taxiway passes to Docker, and serves the mounted model over the part
of TensorFlow Serving's REST interface that Taxiway calls. TAXIWAY_TEST_ENGINE names the folder of
its state.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

STATE = "TAXIWAY_TEST_ENGINE"


def _main(args: list[str]) -> int:
    state = Path(os.environ[STATE])
    command = args[0]
    if command == "info":
        return int((state / "down").exists())
    if command == "run":
        (state / "args.json").write_text(json.dumps(args))
        if args[-1].endswith(":missing"):
            print("Unable to find image", file=sys.stderr)
            return 125
        options = {arg: args[index + 1] for index, arg in enumerate(args[:-1])}
        mount = dict(part.partition("=")[::2] for part in options["--mount"].split(","))
        assert mount["target"] == "/models/candidate/1" and "readonly" in mount
        assert options["--env"] == "MODEL_NAME=candidate"
        log = (state / "log").open("w")
        server = subprocess.Popen(
            [sys.executable, __file__, "serve", mount["source"], args[-1]],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        print(server.pid)
    elif command == "serve":
        _serve(state, Path(args[1]), args[2])
    elif command == "port":
        while not (state / "port").exists():
            time.sleep(0.01)
        print(f"127.0.0.1:{(state / 'port').read_text()}")
    elif command == "inspect":
        lines = Path(f"/proc/{args[-1]}/stat")
        print(str(lines.exists() and lines.read_text().split()[2] != "Z").lower())
    elif command == "logs":
        print((state / "log").read_text().splitlines()[-1])
    elif command == "rm":
        (state / "port").unlink()
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(args[-1]), signal.SIGKILL)
    return 0


def _serve(state: Path, model: Path, image: str) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    unfinished = state / "unfinished"
    unfinished.write_text(str(server.server_port))
    unfinished.rename(state / "port")
    if image.endswith(":ends"):
        sys.exit("Failed to start server: no model")
    sys.path.insert(0, str(Path(__file__).parents[4]))
    import tensorflow as tf

    _Handler.wrong = 0.5 if image.endswith(":wrong") else 0.0
    _Handler.broken = image.endswith(":broken")
    _Handler.model = tf.saved_model.load(str(model))
    server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    model: Any = None
    wrong = 0.0
    broken = False

    def do_GET(self) -> None:
        status = {"error_code": "UNKNOWN", "error_message": "bad graph"} if self.broken else {}
        state = "END" if self.broken else "AVAILABLE"
        self._reply({"model_version_status": [{"version": "1", "state": state, "status": status}]})

    def do_POST(self) -> None:
        import tensorflow as tf

        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = [base64.b64decode(row["b64"]) for row in asked["inputs"]]
        scores = self.model.signatures[asked["signature_name"]](tf.constant(rows))["scores"]
        self._reply({"outputs": [score - self.wrong for score in scores.numpy().tolist()]})

    def _reply(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
