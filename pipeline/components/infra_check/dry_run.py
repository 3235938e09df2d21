"""Serve a candidate with real rows in this process.

`python -m pipeline.components.infra_check.dry_run` reads a request from standard input, copies the
model, writes warm-up requests into the copy, loads it as TensorFlow Serving does, and sends rows to
every signature.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from models.features import Features
from pipeline.components.infra_check.calls import WARMED, Calls, Rows, row_feed
from pipeline.components.infra_check.report import REPORT_FILE, Limits, Report
from serving.errors import DamagedModel
from serving.store import manifest, model_files
from serving.validation import model_check, signatures, warmup, worker_process

MODEL_FOLDER = "model"
ANSWERS_FILE = "answers.npz"

_WARMUP_BATCHES = (1, 16)
_LOOK_SECONDS = 0.02


class Candidate(BaseModel):
    """A model and the rows to send to it.

    Args:
      model: folder of the candidate.
      examples: TFRecord files of the eval split.
      features: label and inputs of the model.
      rows: number of rows for every signature; `serving_default` gets all rows.
      limits: limits of the model.
    """

    model_config = ConfigDict(frozen=True)

    model: Path
    examples: tuple[Path, ...]
    features: Features
    rows: int
    limits: Limits


class Request(Candidate):
    """A candidate and the folder for the results.

    Args:
      folder: folder for the copy of the model, the report and the scores.
    """

    folder: Path


def run(request: Request) -> Report:
    """Serve a candidate with real rows.

    The request's folder then contains the copy of the model with warm-up requests, and the scores
    and labels of all rows.

    Args:
      request: the candidate and the folder.

    Returns:
      The report.
    """
    import tensorflow as tf

    rows = Rows(tf, request.examples)
    labels = rows.labels(request.features.label)
    model = request.folder / MODEL_FOLDER
    report = Report(
        rows=len(labels),
        rows_each=min(request.rows, len(labels)),
        limits=request.limits,
    )
    try:
        model_files.list_files(request.model)  # refuses links, which a copy would follow
        shutil.copytree(request.model, model)
        report = report.model_copy(
            update={
                "warmup_requests": _write_warmup(
                    model, rows.first(max(_WARMUP_BATCHES)), request.features
                )
            }
        )
    except DamagedModel as error:
        return report.with_problems(f"{error.where}: {error.what}")
    except ValueError as error:
        return report.with_problems(str(error))
    report = report.model_copy(
        update={"model_id": manifest.model_id(model_files.hash_files(model))}
    )
    before = _resident_bytes()
    measured: dict[str, Any] = {}

    def further(servable: model_check.Servable) -> list[str]:
        calls = Calls(tf, request.features, rows, request.rows, servable)
        try:
            problems = list(calls.problems())
        except (tf.errors.OpError, ValueError) as error:
            problems = [f"a request with real rows fails: {error}".splitlines()[0]]
        measured.update(
            load_seconds=servable.load_seconds, latency_ms=calls.latency, others=calls.others
        )
        np.savez(request.folder / ANSWERS_FILE, scores=calls.scores, labels=labels)
        return problems

    problems = model_check.check(model, further=further)
    measured["memory_bytes"] = max(0, _peak_bytes() - before)
    report = report.model_copy(update=measured)
    return report.with_problems(*problems, *_past_limits(report))


def _write_warmup(model: Path, rows: Sequence[bytes], features: Features) -> int:
    """Write warm-up requests of real rows, because the first call of a signature is slow."""
    feeds = [
        (name, row_feed(name, signature.inputs, rows[:size], features))
        for name, signature in sorted(signatures.read(model).items())
        if name in WARMED
        for size in _WARMUP_BATCHES
    ]
    return warmup.write(model, [(name, feed) for name, feed in feeds if feed is not None])


def _past_limits(report: Report) -> Iterator[str]:
    limits = report.limits
    if report.load_seconds > limits.load_seconds:
        yield (
            f"loading takes {report.load_seconds:.1f} s; "
            f"the maximum is {limits.load_seconds:g} s (infra.max_load_seconds)"
        )
    if report.memory_bytes > limits.memory_bytes:
        yield _too_much_memory(limits.memory_bytes)
    for name, latency in sorted(report.latency_ms.items()):
        if latency.p99 > limits.latency_ms:
            yield (
                f"{name}: 1 in 100 requests takes {latency.p99:.1f} ms or longer; "
                f"the maximum is {limits.latency_ms:g} ms (infra.max_latency_ms)"
            )


def _too_much_memory(limit: int) -> str:
    return f"the model takes more than {limit / 1e6:,.0f} MB of memory (infra.max_memory_mb)"


def _watch_memory(request: Request) -> None:
    """End this process if it exceeds the memory limit, before the machine runs out of memory."""
    limit = request.limits.memory_bytes
    allowed = _resident_bytes() + limit

    def watch() -> None:
        while _resident_bytes() <= allowed:
            time.sleep(_LOOK_SECONDS)
        _write(request, Report(limits=request.limits).with_problems(_too_much_memory(limit)))
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _resident_bytes() -> int:
    return _status("VmRSS")


def _peak_bytes() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def _main() -> int:
    request = Request.model_validate_json(worker_process.recv())
    worker_process.limit(request.limits.seconds)
    # The model's limit does not include TensorFlow's own memory.
    _watch_memory(request)
    _write(request, run(request))
    return 0


def _write(request: Request, report: Report) -> None:
    text = report.model_dump_json(indent=2) + "\n"
    (request.folder / REPORT_FILE).write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(_main())
