"""A pool of Beam's Python workers, to run beside every TaskManager.

Beam's own worker pool listens on every interface, so every machine that reaches it can run code.
This pool listens on loopback unless `--host` states another interface.
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
    """Prints the output of workers: Beam does not read it, and a full pipe blocks a worker."""

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802 (Beam's name)
        for worker, process in list(self._worker_processes.items()):
            if process.poll() is not None:
                self._worker_processes.pop(worker, None)
        response = super().StartWorker(request, context)
        started = self._worker_processes.get(request.worker_id)
        if started is not None:
            threading.Thread(target=_copy_output, args=(started.stdout,), daemon=True).start()
        return response


def _copy_output(output: IO[bytes]) -> None:
    with output:
        for line in output:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


def main() -> None:
    """Run `python -m pipeline.beam.worker_pool` until a signal ends the pool and its workers."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.beam.worker_pool")
    parser.add_argument("--host", default="127.0.0.1", help="interface to listen on; %(default)s")
    parser.add_argument(
        "--port", type=int, default=50000, help="port to listen on, 0 for a free port; %(default)s"
    )
    parser.add_argument(
        "--code",
        type=Path,
        default=Path(),
        help="folder of the project's own code, as the setting `code`; the current folder",
    )
    args = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    os.environ["TF_USE_LEGACY_KERAS"] = "0"
    # A worker imports the project's own metrics.
    paths = [str(args.code.absolute()), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    # Beam starts `python`, so the first one on the PATH must be the one that has this project.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    pool = _Pool(use_process=True)
    # Without this option, two pools on one port would share the calls.
    server = grpc.server(shared_unbounded_instance(), options=[("grpc.so_reuseport", 0)])
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        port = server.add_insecure_port(f"{args.host}:{args.port}")
    except RuntimeError:
        parser.exit(2, f"Stopped: cannot listen on {args.host}:{args.port}; is it in use?\n")
    server.start()
    print(f"Python workers are started at {args.host}:{port}", flush=True)
    ended.wait()
    server.stop(grace=None)
    for worker in list(pool._worker_processes):
        pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id=worker), None)


if __name__ == "__main__":
    main()
