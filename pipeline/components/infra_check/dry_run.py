"""Serve a candidate with real rows in this process.

`python -m pipeline.components.infra_check.dry_run` reads a request from standard input, copies the
model, writes warm-up requests into the copy, loads it as TensorFlow Serving does, and sends rows to
every signature.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from models import requests, tfrecords
from models.features import Features
from pipeline.components.infra_check.report import REPORT_FILE, Latency, Limits, Report
from serving.errors import DamagedModel
from serving.store import manifest, model_files
from serving.validation import model_check, warmup, worker_process
from serving.validation.inputs import DEFAULT

MODEL_FOLDER = "model"
ANSWERS_FILE = "answers.npz"

SCORES = "scores"

# Another signature computes the same float32 score in another way, so the last digits differ.
TOLERANCE = 1e-5

_BATCH = 1024
_SINGLE_ROWS = 200
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


class _Calls:
    """The calls of a loaded model with real rows."""

    def __init__(self, request: Request, rows: _Rows, servable: model_check.Servable) -> None:
        self._request = request
        self._rows = rows
        self._servable = servable
        self._first_rows = rows.first(request.rows)
        self.latency: dict[str, Latency] = {}
        self.scores: npt.NDArray[Any] = np.empty(0, np.float32)

    def problems(self) -> Iterator[str]:
        """Send rows to every signature, and yield the problems of its outputs."""
        expected: npt.NDArray[Any] | None = None
        for name, feed in self._feeds():
            outputs = self._servable.answer(name, feed)
            problems = list(_shape_problems(name, outputs, len(self._first_rows)))
            self.latency[name], singles = self._one_by_one(name, feed)
            scores = outputs[SCORES].reshape(-1) if SCORES in outputs else np.empty(0)
            problems += _score_problems(name, scores)
            yield from problems
            if problems or SCORES not in outputs:
                continue
            yield from _differences(f"{name} of one row", singles[SCORES], scores)
            if expected is None:
                expected = scores
            else:
                yield from _differences(name, scores, expected)
        if DEFAULT in self.latency:
            yield from self._all_rows()

    def _feeds(self) -> Iterator[tuple[str, Mapping[str, npt.NDArray[Any]]]]:
        """Yield the signatures that real rows fit with their inputs, `serving_default` first."""
        features, columns = self._request.features, None
        for name in sorted(self._servable.signatures, key=lambda name: (name != DEFAULT, name)):
            inputs = self._servable.inputs(name)
            # A column may have the name of an input of another signature.
            if name == "transformed" and columns is not None:
                yield name, requests.matrix(columns, features)
            elif requests.reads_examples(name, inputs):
                feed = requests.examples(self._first_rows)
                if name == "transform_features":
                    columns = self._servable.answer(name, feed)
                yield name, feed
            elif inputs.keys() <= set(features.inputs):
                yield name, requests.tensors(self._first_rows, inputs)

    def _one_by_one(
        self, name: str, feed: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[Latency, dict[str, npt.NDArray[Any]]]:
        milliseconds, outputs = [], []
        for row in range(min(_SINGLE_ROWS, len(self._first_rows))):
            one = {key: value[row : row + 1] for key, value in feed.items()}
            began = time.perf_counter()
            outputs.append(self._servable.answer(name, one))
            milliseconds.append((time.perf_counter() - began) * 1e3)
        p50, p99 = np.percentile(milliseconds, [50, 99])
        joined = {
            key: np.concatenate([output[key].reshape(-1) for output in outputs])
            for key in outputs[0]
        }
        return Latency(p50=p50, p99=p99), joined

    def _all_rows(self) -> Iterator[str]:
        """Send all rows to `serving_default`, for the comparison with the Evaluator."""
        scores = []
        for batch in self._rows.batches():
            outputs = self._servable.answer(DEFAULT, requests.examples(batch))
            if SCORES not in outputs:
                return
            scores.append(outputs[SCORES].reshape(-1))
        self.scores = np.concatenate(scores)
        yield from _score_problems(DEFAULT, self.scores)


def _shape_problems(name: str, outputs: Mapping[str, Any], rows: int) -> Iterator[str]:
    for key, value in outputs.items():
        if value.shape[:1] != (rows,):
            yield f"{name}: {key} has shape {value.shape} for {rows} rows"
        elif np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            yield f"{name}: {key} is not finite for some real rows"


def _score_problems(name: str, scores: npt.NDArray[Any]) -> Iterator[str]:
    outside = scores[~((scores >= 0) & (scores <= 1))]
    if outside.size:
        yield f"{name}: {outside.size:,} scores are not from 0 to 1, such as {outside[0]:g}"


def _differences(name: str, scores: npt.NDArray[Any], expected: npt.NDArray[Any]) -> Iterator[str]:
    if len(scores) > len(expected):
        yield f"{name}: {len(scores)} scores for {len(expected)} rows"
        return
    worst = np.abs(scores.astype(np.float64) - expected[: len(scores)]).max(initial=0)
    if not worst <= TOLERANCE:
        yield f"{name}: scores differ from those of {DEFAULT} on the same rows by {worst:.2g}"


class _Rows:
    """The rows of a split; a split may exceed memory, so every pass reads the files again."""

    def __init__(self, tf: Any, files: Sequence[Path]) -> None:
        self._tf = tf
        self._files = files

    def first(self, count: int) -> list[bytes]:
        return list(tfrecords.read(self._files, count))

    def batches(self) -> Iterator[list[bytes]]:
        rows = tfrecords.read(self._files)
        while batch := list(itertools.islice(rows, _BATCH)):
            yield batch

    def labels(self, name: str) -> npt.NDArray[np.int64]:
        tf = self._tf
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            examples = tf.compat.v1.placeholder(tf.string, [None])
            parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.int64)})
            labels = [session.run(parsed[name], {examples: batch}) for batch in self.batches()]
        return np.concatenate(labels)


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

    rows = _Rows(tf, request.examples)
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
            update={"warmup_requests": _write_warmup(model, rows.first(max(_WARMUP_BATCHES)))}
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
        calls = _Calls(request, rows, servable)
        try:
            problems = list(calls.problems())
        except (tf.errors.OpError, ValueError) as error:
            problems = [f"a request with real rows fails: {error}".splitlines()[0]]
        measured.update(load_seconds=servable.load_seconds, latency_ms=calls.latency)
        np.savez(request.folder / ANSWERS_FILE, scores=calls.scores, labels=labels)
        return problems

    problems = model_check.check(model, further=further)
    measured["memory_bytes"] = max(0, _peak_bytes() - before)
    report = report.model_copy(update=measured)
    return report.with_problems(*problems, *_past_limits(report))


def _write_warmup(model: Path, rows: Sequence[bytes]) -> int:
    """Write warm-up requests of real rows, because the first call of a signature is slow."""
    feeds: list[tuple[str, Mapping[str, Any]]] = []
    for name, inputs in sorted(warmup.signature_inputs(model).items()):
        for size in _WARMUP_BATCHES:
            if requests.reads_examples(name, inputs):
                feeds.append((name, requests.examples(rows[:size])))
            elif name == requests.TENSORS:
                feeds.append((name, requests.tensors(rows[:size], inputs)))
    return warmup.write(model, feeds)


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
