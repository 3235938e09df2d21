"""Serve a workspace's model, and write its scores to a file.

usage: python -m scripts.lines.answers WORKSPACE FILE
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.sources.base import PROVENANCE
from serving.client import Client
from serving.ports import free_port

_ROWS = 500


def main(workspace: Path, file: Path) -> None:
    """Score the first rows of a span with the newest published version of flights.

    Args:
      workspace: folder with a published model and the rows of the span.
      file: path of the JSON file with the scores.
    """
    [span] = workspace.glob("data/spans/201303-*.parquet")
    rows = pq.read_table(span).slice(0, _ROWS).drop(list(PROVENANCE)).to_pylist()
    port, rest_port = free_port(), free_port()
    server = subprocess.Popen(
        [Path(sys.executable).with_name("taxiway"), "serve", "--workspace", workspace,
         f"--port={port}", f"--rest_api_port={rest_port}"],
    )  # fmt: skip
    try:
        client = Client.rest(f"http://127.0.0.1:{rest_port}", "flights")
        client.wait_ready()
        file.write_text(json.dumps(client.predict(rows)))
    finally:
        server.terminate()
        server.wait(timeout=60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
