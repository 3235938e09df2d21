"""A sample of the requests, as TFRecords of TensorFlow Serving's PredictionLog, to detect skew.

A request never waits for the log or fails because of it: records that cannot be written in time are
dropped and counted.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import tensorflow as tf

from serving.server.metrics import Metrics
from serving.storage import local

_MAX_WAITING_BYTES = 64 << 20
_MAX_WAITING = 1024
_CLOSE_SECONDS = 5.0

_log = logging.getLogger(__name__)


class RequestLog:
    """Write a sample of the requests to files that are renamed when they are complete.

    Args:
      folder: folder of the files; created if missing.
      sampling_rate: share of the requests to log, 0 to 1.
      metrics: metrics of the server.
      max_file_bytes: size at which a file is completed; default 64 MiB.
      max_file_seconds: seconds after which a file is completed; default 60.
      max_files: number of files to keep; default 16.
    """

    def __init__(
        self,
        folder: Path,
        sampling_rate: float,
        metrics: Metrics,
        max_file_bytes: int = 64 << 20,
        max_file_seconds: float = 60.0,
        max_files: int = 16,
    ) -> None:
        self._folder = folder
        self._rate = sampling_rate
        self._metrics = metrics
        self._max_file_bytes = max_file_bytes
        self._max_file_seconds = max_file_seconds
        self._max_files = max_files
        self._waiting: queue.Queue[tuple[str, bytes] | None] = queue.Queue(_MAX_WAITING)
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(target=self._write_all, name="request log", daemon=True)
        self._thread.start()

    def offer(self, model: str, make: Callable[[], Any]) -> None:
        """Log a request if the sample includes it.

        Args:
          model: name of the model.
          make: function that returns the PredictionLog; called only for logged requests.
        """
        if random.random() >= self._rate:
            return
        try:
            record = make().SerializeToString()
            with self._lock:
                if self._waiting_bytes + len(record) > _MAX_WAITING_BYTES:
                    raise queue.Full
                self._waiting.put_nowait((model, record))
                self._waiting_bytes += len(record)
        except queue.Full:
            self._metrics.logged(model, "RESOURCE_EXHAUSTED")
        except Exception as error:  # the request was answered, so it must not fail
            self._metrics.logged(model, "INTERNAL")
            _log.warning("a request of %s was not logged: %s", model, error)

    def close(self) -> None:
        """Write the waiting records, and complete the file."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=_CLOSE_SECONDS)
        self._thread.join(_CLOSE_SECONDS)

    def _write_all(self) -> None:
        last_error = ""
        ended = False
        while not ended:
            try:
                ended = self._write_file()
                last_error = ""
            except Exception as error:  # a full disk may have room again
                if type(error).__name__ != last_error:
                    last_error = type(error).__name__
                    _log.warning("requests are not logged: %s", error)
                time.sleep(1)

    def _write_file(self) -> bool:
        """Write one file; return whether it is the last."""
        first = self._next(None)
        if first is None:
            return True
        self._number += 1
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        name = f"requests-{stamp}-{os.getpid()}-{self._number:04}.tfrecord"
        until = time.monotonic() + self._max_file_seconds
        size, record, ended = 0, first, False
        with (
            local.replacement(self._folder / name) as unfinished,
            tf.io.TFRecordWriter(str(unfinished)) as out,
        ):
            while True:
                model, content = record
                out.write(content)
                self._metrics.logged(model, "OK")
                size += len(content)
                remaining = until - time.monotonic()
                if size >= self._max_file_bytes or remaining <= 0:
                    break
                try:
                    following = self._next(remaining)
                except queue.Empty:
                    break
                if following is None:
                    ended = True
                    break
                record = following
        self._remove_old()
        return ended

    def _next(self, seconds: float | None) -> tuple[str, bytes] | None:
        entry = self._waiting.get(timeout=seconds)
        if entry is not None:
            with self._lock:
                self._waiting_bytes -= len(entry[1])
        return entry

    def _remove_old(self) -> None:
        """Remove all but the newest files, and unfinished files of killed servers."""
        files = sorted(
            self._folder.glob("requests-*.tfrecord"), key=lambda file: file.stat().st_mtime
        )
        for file in files[: -self._max_files]:
            file.unlink(missing_ok=True)
        long_ago = time.time() - 10 * self._max_file_seconds
        for file in self._folder.glob(f"{local.UNFINISHED}*"):
            if file.stat().st_mtime < long_ago:
                file.unlink(missing_ok=True)
