"""A pool of Beam's Python workers, to run beside each TaskManager.

Beam's own starter listens on every interface, and whoever reaches it has code of theirs run; this
one listens on loopback unless told otherwise.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance


class _Pool(BeamFnExternalWorkerPoolServicer):
    """Passes on what workers print: Beam reads it nowhere, and a pipe that is full stops them."""

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 (Beam's name)
        for worker, process in list(self._worker_processes.items()):
            if process.poll() is not None:
                self._worker_processes.pop(worker, None)
        answer = super().StartWorker(request, context)
        started = self._worker_processes.get(request.worker_id)
        if started is not None:
            threading.Thread(target=_pass_on, args=(started.stdout,), daemon=True).start()
        return answer


def _pass_on(printed: IO[bytes]) -> None:
    with printed:
        for line in printed:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


def main() -> None:
    """Serve `python -m pipeline.beam.worker_pool` until a signal ends it, and its workers too."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.beam.worker_pool")
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on; %(default)s")
    parser.add_argument("--port", type=int, default=50000, help="%(default)s; 0 for a free one")
    asked = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    os.environ["TF_USE_LEGACY_KERAS"] = "0"
    # Beam starts `python`: that has to be the one that has this project.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    pool = _Pool(use_process=True)
    # Two on one port would each have some of the calls.
    server = grpc.server(shared_unbounded_instance(), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        port = server.add_insecure_port(f"{asked.host}:{asked.port}")
    except RuntimeError:
        parser.exit(2, f"Stopped: cannot listen on {asked.host}:{asked.port}; is it in use?\n")
    server.start()
    print(f"Python workers are started at {asked.host}:{port}", flush=True)
    ended.wait()
    server.stop(grace=None)
    for worker in list(pool._worker_processes):
        pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id=worker), None)


if __name__ == "__main__":
    main()
