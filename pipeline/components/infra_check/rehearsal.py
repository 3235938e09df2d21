"""Serve a candidate with real rows, in this process.

`python -m pipeline.components.infra_check.rehearsal` reads a request from standard input, copies
the model, writes warm-up requests into the copy, loads it as TF Serving would, and sends rows
through each signature.
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

# Scores of the same row, float32 from 0 to 1, by another way through the same graph.
TOLERANCE = 1e-5

_BATCH = 1024
_SINGLE_ROWS = 200
_WARMUP_BATCHES = (1, 16)
_LOOK_SECONDS = 0.02


class Candidate(BaseModel):
    """What to rehearse.

    Args:
      model: the candidate's folder.
      examples: TFRecord files of the eval split.
      features: what the model learns from.
      rows: that go through every signature; all go through `serving_default`.
      limits: for the model.
    """

    model_config = ConfigDict(frozen=True)

    model: Path
    examples: tuple[Path, ...]
    features: Features
    rows: int
    limits: Limits


class Request(Candidate):
    """What to rehearse, and where.

    Args:
      folder: where the copy of the model, the report and the answers go.
    """

    folder: Path


class _Rehearsal:
    def __init__(self, request: Request, rows: _Rows, servable: model_check.Servable) -> None:
        self._request = request
        self._rows = rows
        self._servable = servable
        self._few = rows.first(request.rows)
        self.latency: dict[str, Latency] = {}
        self.scores: npt.NDArray[Any] = np.empty(0, np.float32)

    def problems(self) -> Iterator[str]:
        """Send rows through each signature, and yield what is wrong with the answers."""
        expected: npt.NDArray[Any] | None = None
        for name, feed in self._feeds():
            answers = self._servable.answer(name, feed)
            wrong = list(_of_rows(name, answers, len(self._few)))
            self.latency[name], singles = self._one_by_one(name, feed)
            scores = answers[SCORES].reshape(-1) if SCORES in answers else np.empty(0)
            wrong += _of_scores(name, scores)
            yield from wrong
            if wrong or SCORES not in answers:
                continue
            yield from _differences(f"{name} of one row", singles[SCORES], scores)
            if expected is None:
                expected = scores
            else:
                yield from _differences(name, scores, expected)
        if DEFAULT in self.latency:
            yield from self._all_rows()

    def _feeds(self) -> Iterator[tuple[str, Mapping[str, npt.NDArray[Any]]]]:
        """Yield each signature that rows fit, `serving_default` first, with its inputs."""
        features, columns = self._request.features, None
        for name in sorted(self._servable.signatures, key=lambda name: (name != DEFAULT, name)):
            inputs = self._servable.inputs(name)
            if inputs.keys() == {requests.EXAMPLES}:
                feed = requests.examples(self._few)
                if name == "transform_features":
                    columns = self._servable.answer(name, feed)
                yield name, feed
            elif inputs.keys() <= set(features.inputs):
                yield name, requests.tensors(self._few, inputs)
            elif name == "transformed" and columns is not None:
                yield name, requests.matrix(columns, features)

    def _one_by_one(
        self, name: str, feed: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[Latency, dict[str, npt.NDArray[Any]]]:
        milliseconds, answers = [], []
        for row in range(min(_SINGLE_ROWS, len(self._few))):
            one = {key: value[row : row + 1] for key, value in feed.items()}
            began = time.perf_counter()
            answers.append(self._servable.answer(name, one))
            milliseconds.append((time.perf_counter() - began) * 1e3)
        p50, p99 = np.percentile(milliseconds, [50, 99])
        together = {
            key: np.concatenate([answer[key].reshape(-1) for answer in answers])
            for key in answers[0]
        }
        return Latency(p50=p50, p99=p99), together

    def _all_rows(self) -> Iterator[str]:
        """Send all rows through `serving_default`, for the comparison with the Evaluator."""
        found = []
        for batch in self._rows.batches():
            answers = self._servable.answer(DEFAULT, requests.examples(batch))
            if SCORES not in answers:
                return
            found.append(answers[SCORES].reshape(-1))
        self.scores = np.concatenate(found)
        yield from _of_scores(DEFAULT, self.scores)


def _of_rows(name: str, answers: Mapping[str, Any], rows: int) -> Iterator[str]:
    for key, value in answers.items():
        if value.shape[:1] != (rows,):
            yield f"{name}: {key} has shape {value.shape} for {rows} rows"
        elif np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
            yield f"{name}: {key} is not finite for some real rows"


def _of_scores(name: str, scores: npt.NDArray[Any]) -> Iterator[str]:
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
    """The rows of a split, read again each time, for no split is too large."""

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
            found = [session.run(parsed[name], {examples: batch}) for batch in self.batches()]
        return np.concatenate(found)


def rehearse(request: Request) -> Report:
    """Serve a candidate with real rows.

    Args:
      request: what to rehearse.

    Returns:
      What came of it. The copy of the model, with its warm-up requests, is then in the request's
      folder, and so are the scores of all rows with their labels.
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
        model_files.list_files(request.model)  # no links, which a copy would follow
        shutil.copytree(request.model, model)
        report = report.model_copy(
            update={"warmup_requests": _write_warmup(model, rows.first(max(_WARMUP_BATCHES)))}
        )
    except DamagedModel as error:
        return report.but_for(f"{error.where}: {error.what}")
    except ValueError as error:
        return report.but_for(str(error))
    report = report.model_copy(
        update={"model_id": manifest.model_id(model_files.hash_files(model))}
    )
    before = _resident_bytes()
    found: dict[str, Any] = {}

    def further(servable: model_check.Servable) -> list[str]:
        rehearsal = _Rehearsal(request, rows, servable)
        try:
            problems = list(rehearsal.problems())
        except (tf.errors.OpError, ValueError) as error:
            problems = [f"a request with real rows fails: {error}".splitlines()[0]]
        found.update(load_seconds=servable.load_seconds, latency_ms=rehearsal.latency)
        np.savez(request.folder / ANSWERS_FILE, scores=rehearsal.scores, labels=labels)
        return problems

    problems = model_check.check(model, further=further)
    found["memory_bytes"] = max(0, _peak_bytes() - before)
    report = report.model_copy(update=found)
    return report.but_for(*problems, *_past_limits(report))


def _write_warmup(model: Path, rows: Sequence[bytes]) -> int:
    """Write requests of real rows for what clients call, so that nobody waits for the first."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for name, inputs in sorted(warmup.signature_inputs(model).items()):
        for size in _WARMUP_BATCHES:
            if inputs.keys() == {requests.EXAMPLES}:
                found.append((name, requests.examples(rows[:size])))
            elif name == "serving_tensors":
                found.append((name, requests.tensors(rows[:size], inputs)))
    return warmup.write(model, found)


def _past_limits(report: Report) -> Iterator[str]:
    limits = report.limits
    if report.load_seconds > limits.load_seconds:
        yield (
            f"loading takes {report.load_seconds:.1f} s, "
            f"at most {limits.load_seconds:g} s wanted (infra.max_load_seconds)"
        )
    if report.memory_bytes > limits.memory_bytes:
        yield _too_much_memory(limits.memory_bytes)
    for name, latency in sorted(report.latency_ms.items()):
        if latency.p99 > limits.latency_ms:
            yield (
                f"{name}: 1 in 100 requests takes {latency.p99:.1f} ms or longer, "
                f"at most {limits.latency_ms:g} ms wanted (infra.max_latency_ms)"
            )


def _too_much_memory(limit: int) -> str:
    return f"it takes more than {limit / 1e6:,.0f} MB of memory (infra.max_memory_mb)"


def _watch_memory(request: Request) -> None:
    """End this process when it grows by more than a limit, before it takes the whole machine."""
    limit = request.limits.memory_bytes
    allowed = _resident_bytes() + limit

    def watch() -> None:
        while _resident_bytes() <= allowed:
            time.sleep(_LOOK_SECONDS)
        _write(request, Report(limits=request.limits).but_for(_too_much_memory(limit)))
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
    # What TensorFlow itself takes is not the model's.
    _watch_memory(request)
    _write(request, rehearse(request))
    return 0


def _write(request: Request, report: Report) -> None:
    text = report.model_dump_json(indent=2) + "\n"
    (request.folder / REPORT_FILE).write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(_main())
