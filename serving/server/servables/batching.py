"""Requests that run together as one batch, as in TensorFlow Serving's batching sessions."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving.server.errors import Code, ServingError, invalid

Arrays = Mapping[str, Any]
Run = Callable[[Arrays, int | None], dict[str, Any]]


@dataclass(frozen=True)
class Parameters:
    """The parameters of batches; names and defaults are those of BatchingParameters.

    Args:
      max_batch_size: largest number of rows of a batch.
      batch_timeout_micros: microseconds that a batch waits for more rows.
      max_enqueued_batches: number of batches that may wait, per signature of a version.
      num_batch_threads: number of threads that run batches.
      allowed_batch_sizes: sizes that batches are padded to; empty for any size.
      pad_variable_length_inputs: pad with zeros where requests differ in an inner dimension.
      enable_large_batch_splitting: split requests that are too large for one batch.
      max_execution_batch_size: largest number of rows of a batch when requests may be split.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    @property
    def rows(self) -> int:
        """The largest number of rows of a batch."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size:
            return self.max_execution_batch_size
        return self.max_batch_size

    def padded(self, rows: int) -> int:
        """Return the number of rows of a batch after padding.

        Args:
          rows: number of rows before padding.
        """
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def parameters(message: Any) -> Parameters:
    """Return the parameters of a BatchingParameters message.

    Args:
      message: parsed message.

    Raises:
      ServingError: a number is out of range, or the allowed sizes do not match.
    """
    wrapped = (
        "max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads",
        "enable_large_batch_splitting", "max_execution_batch_size",
    )  # fmt: skip
    given = {name: getattr(message, name).value for name in wrapped if message.HasField(name)}
    for name, value in given.items():
        if name not in ("batch_timeout_micros", "enable_large_batch_splitting") and value < 1:
            raise invalid(f"{name} must be positive; was {value}")
    parsed = Parameters(
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
        **given,
    )
    sizes = parsed.allowed_batch_sizes
    if list(sizes) != sorted(set(sizes)):
        raise invalid("allowed_batch_sizes entries must be monotonically increasing")
    if sizes and sizes[-1] != parsed.rows:
        raise invalid(
            "Last entry in allowed_batch_sizes must match max_batch_size; "
            f"last entry was {sizes[-1]}; expected {parsed.rows}"
        )
    return parsed


@dataclass
class _Task:
    feed: Arrays
    rows: int
    deadline: float | None
    done: threading.Event = field(default_factory=threading.Event)
    outputs: dict[str, Any] = field(default_factory=dict)
    error: ServingError | None = None


@dataclass
class _Batch:
    opened: float
    tasks: list[_Task] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(task.rows for task in self.tasks)


@dataclass
class _Queue:
    run: Run
    batches: deque[_Batch] = field(default_factory=deque)


class Batcher:
    """Collect requests, and run them together.

    Args:
      parameters: parameters of the batches.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._changed = threading.Condition()
        self._queues: dict[Hashable, _Queue] = {}
        for _ in range(parameters.num_batch_threads):
            threading.Thread(target=self._work, name="batch", daemon=True).start()

    def run(
        self, key: Hashable, run: Run, feed: Arrays, timeout_ms: int | None = None
    ) -> dict[str, Any]:
        """Run a request together with others of the same key.

        Args:
          key: key of requests that may run together: one signature of one version.
          run: function from the arrays of a batch and a time limit in milliseconds to an array by
            output.
          feed: array by input, all with the same number of rows.
          timeout_ms: milliseconds that the request may take; default: no limit.

        Returns:
          Array by output, with as many rows as the request has.

        Raises:
          ServingError: the batch fails, the queue is full, or it takes too long.
        """
        rows = _rows(feed)
        limit = self._parameters.rows
        if rows > self._parameters.max_batch_size and not (
            self._parameters.enable_large_batch_splitting
        ):
            raise invalid(
                f"Task size {rows} is larger than maximum input batch size "
                f"{self._parameters.max_batch_size}"
            )
        deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1e3
        tasks = [
            _Task(
                {name: value[start : start + limit] for name, value in feed.items()},
                min(limit, rows - start),
                deadline,
            )
            for start in range(0, max(1, rows), limit)
        ]
        with self._changed:
            queue = self._queues.setdefault(key, _Queue(run))
            for task in tasks:
                self._put(queue, task)
            self._changed.notify_all()
        for task in tasks:
            task.done.wait()
        failed = next((task.error for task in tasks if task.error), None)
        if failed is not None:
            raise failed
        names = tasks[0].outputs
        return {name: np.concatenate([task.outputs[name] for task in tasks]) for name in names}

    def _put(self, queue: _Queue, task: _Task) -> None:
        last = queue.batches[-1] if queue.batches else None
        if last is None or last.rows + task.rows > self._parameters.rows:
            if len(queue.batches) >= self._parameters.max_enqueued_batches:
                raise ServingError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full; "
                    f"currently {len(queue.batches)} batches enqueued and max_enqueued_batches is "
                    f"{self._parameters.max_enqueued_batches}",
                )
            last = _Batch(time.monotonic())
            queue.batches.append(last)
        last.tasks.append(task)

    def _work(self) -> None:
        while True:
            with self._changed:
                while (taken := self._take()) is None:
                    self._changed.wait(self._until_due())
            run, batch = taken
            try:
                self._process(run, batch)
            except ServingError as error:
                _fail(batch, error)
            except Exception as error:  # the waiting requests must get the error
                _fail(batch, ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}"))

    def _take(self) -> tuple[Run, _Batch] | None:
        """Take the batch that has been due for the longest time, if there is one."""
        due = [
            (queue.batches[0].opened, key)
            for key, queue in self._queues.items()
            if len(queue.batches) > 1
            or queue.batches[0].rows >= self._parameters.rows
            or self._left(queue.batches[0]) <= 0
        ]
        if not due:
            return None
        key = min(due, key=lambda entry: entry[0])[1]
        queue = self._queues[key]
        batch = queue.batches.popleft()
        if not queue.batches:
            # An empty queue is removed, because it keeps a version in memory.
            del self._queues[key]
        return queue.run, batch

    def _until_due(self) -> float | None:
        waits = [self._left(queue.batches[0]) for queue in self._queues.values()]
        return max(0.0, min(waits)) if waits else None

    def _left(self, batch: _Batch) -> float:
        return batch.opened + self._parameters.batch_timeout_micros / 1e6 - time.monotonic()

    def _process(self, run: Run, batch: _Batch) -> None:
        deadlines = [task.deadline for task in batch.tasks]
        latest = (
            None
            if None in deadlines
            else max(deadline for deadline in deadlines if deadline is not None)
        )
        timeout_ms = None if latest is None else int((latest - time.monotonic()) * 1e3)
        if timeout_ms is not None and timeout_ms <= 0:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, "Run() timeout exceeded while waiting in batching queue"
            )
        rows = batch.rows
        padded = self._parameters.padded(rows)
        merged = _merge(
            [task.feed for task in batch.tasks],
            padded - rows,
            self._parameters.pad_variable_length_inputs,
        )
        outputs = run(merged, timeout_ms)
        for value in outputs.values():
            if value.ndim == 0:
                raise ServingError(
                    Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions"
                )
            if value.shape[0] != padded:
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                    "dimension sizes of the input tensors",
                )
        start = 0
        for task in batch.tasks:
            end = start + task.rows
            task.outputs = {name: value[start:end] for name, value in outputs.items()}
            start = end
            task.done.set()


def _fail(batch: _Batch, error: ServingError) -> None:
    for task in batch.tasks:
        task.error = error
        task.done.set()


def _rows(feed: Arrays) -> int:
    """Return the number of rows that all inputs have.

    Raises:
      ServingError: the numbers differ.
    """
    if not feed:
        raise invalid("Batching session Run() must have at least one input tensor")
    if any(value.ndim == 0 for value in feed.values()):
        raise invalid("Batching session Run() input tensors must have at least one dimension")
    rows = {value.shape[0] for value in feed.values()}
    if len(rows) > 1:
        raise invalid("Batching session Run() input tensors must have equal 0th-dimension size")
    return int(rows.pop())


def _merge(feeds: Sequence[Arrays], padding: int, pad_inner: bool) -> dict[str, Any]:
    """Concatenate the rows of requests, and add rows as padding.

    Raises:
      ServingError: the requests differ in an inner dimension.
    """
    merged = {}
    for name in feeds[0]:
        values = [feed[name] for feed in feeds]
        if len({value.shape[1:] for value in values}) > 1:
            values = _pad_inner(name, values, pad_inner)
        if padding and len(values[-1]):
            values.append(np.repeat(values[-1][:1], padding, axis=0))
        merged[name] = values[0] if len(values) == 1 else np.concatenate(values)
    return merged


def _pad_inner(name: str, values: Sequence[Any], allowed: bool) -> list[Any]:
    if not allowed or len({value.ndim for value in values}) > 1:
        raise ServingError(
            Code.FAILED_PRECONDITION,
            f"Tensors with name '{name}' from different tasks have different shapes and padding is "
            "turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with "
            "the same name have equal dimensions starting with the first dim.",
        )
    shape = [max(value.shape[axis] for value in values) for axis in range(1, values[0].ndim)]
    padded = []
    for value in values:
        whole = np.full([len(value), *shape], b"" if value.dtype.kind == "O" else 0, value.dtype)
        whole[tuple(slice(size) for size in value.shape)] = value
        padded.append(whole)
    return padded
