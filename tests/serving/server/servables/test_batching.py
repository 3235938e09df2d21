"""Requests that run together get their own rows back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.server import messages, options
from serving.server.errors import Code, ServingError
from serving.server.servables.batching import Batcher, Parameters, parameters
from serving.server.servables.manager import ModelManager


class _Doubling:
    """A run that doubles its input, and waits if the test requires it."""

    def __init__(self, held: bool = False) -> None:
        self.batches: list[list[float]] = []
        self.began = threading.Event()
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, feed: Any, timeout_ms: int | None) -> dict[str, Any]:
        self.batches.append(feed["x"].reshape(-1).tolist())
        self.began.set()
        assert self.go.wait(20)
        return {"y": feed["x"] * 2}


def _feed(*rows: float) -> dict[str, Any]:
    return {"x": np.array(rows)}


def _together(run: _Doubling, batcher: Batcher, feeds: list[dict[str, Any]]) -> list[Any]:
    """Send one request, and the others while it runs."""
    with ThreadPoolExecutor(len(feeds)) as threads:
        first = threads.submit(batcher.run, "key", run, feeds[0])
        assert run.began.wait(20)
        others = []
        for feed in feeds[1:]:
            others.append(threads.submit(batcher.run, "key", run, feed))
            _until_waiting(batcher, others)
        run.go.set()
        return [call.exception() or call.result()["y"].tolist() for call in [first, *others]]


def _until_waiting(batcher: Batcher, asked: list[Any]) -> None:
    """Wait until the batcher has the requests, so that their order is fixed."""
    for _ in range(2000):
        with batcher._changed:
            queues = batcher._queues.values()
            waiting = sum(len(batch.tasks) for queue in queues for batch in queue.batches)
        if waiting + sum(call.done() for call in asked) >= len(asked):
            return
        threading.Event().wait(0.005)
    raise AssertionError("a request got lost")


def test_waiting_requests_run_together_and_get_their_own_rows() -> None:
    run = _Doubling(held=True)
    batcher = Batcher(Parameters(num_batch_threads=1, max_batch_size=4))
    answers = _together(run, batcher, [_feed(1), _feed(2, 3), _feed(4), _feed(5, 6), _feed(7)])
    assert answers == [[2], [4, 6], [8], [10, 12], [14]]
    assert run.batches == [[1], [2, 3, 4], [5, 6, 7]]


def test_a_batch_is_padded_to_an_allowed_size() -> None:
    run = _Doubling()
    batcher = Batcher(Parameters(max_batch_size=8, allowed_batch_sizes=(4, 8)))
    assert batcher.run("key", run, _feed(1, 2, 3))["y"].tolist() == [2, 4, 6]
    # With the first row of the last request, as TensorFlow Serving pads.
    assert run.batches == [[1, 2, 3, 1]]


def test_inner_dimensions_are_padded_when_that_is_allowed() -> None:
    feeds = [{"x": np.array(rows)} for rows in ([[9.0]], [[1.0]], [[2.0, 3.0]])]
    run = _Doubling(held=True)
    answers = _together(
        run, Batcher(Parameters(num_batch_threads=1, pad_variable_length_inputs=True)), feeds
    )
    assert answers == [[[18]], [[2, 0]], [[4, 6]]]
    run = _Doubling(held=True)
    first, *failed = _together(run, Batcher(Parameters(num_batch_threads=1)), feeds)
    assert first == [[18]]
    for error in failed:
        assert error.code == Code.FAILED_PRECONDITION
        assert "padding is turned off" in error.message


def test_a_full_queue_refuses_and_goes_on() -> None:
    run = _Doubling(held=True)
    batcher = Batcher(Parameters(num_batch_threads=1, max_batch_size=1, max_enqueued_batches=2))
    *served, refused = _together(run, batcher, [_feed(1), _feed(2), _feed(3), _feed(4)])
    assert served == [[2], [4], [6]]
    assert refused.code == Code.UNAVAILABLE
    assert "currently 2 batches enqueued and max_enqueued_batches is 2" in refused.message
    assert batcher.run("key", run, _feed(5))["y"].tolist() == [10]


def test_a_large_request_is_refused_or_split() -> None:
    with pytest.raises(ServingError, match="Task size 3 is larger than maximum input batch size 2"):
        Batcher(Parameters(max_batch_size=2)).run("key", _Doubling(), _feed(1, 2, 3))
    run = _Doubling()
    split = Parameters(
        num_batch_threads=1, max_batch_size=9, max_execution_batch_size=2,
        enable_large_batch_splitting=True,
    )  # fmt: skip
    assert Batcher(split).run("key", run, _feed(1, 2, 3))["y"].tolist() == [2, 4, 6]
    assert run.batches == [[1, 2], [3]]


def test_a_request_that_waited_too_long_is_given_up() -> None:
    run = _Doubling(held=True)
    batcher = Batcher(Parameters(num_batch_threads=1))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(batcher.run, "key", run, _feed(1))
        assert run.began.wait(20)
        late = threads.submit(batcher.run, "key", run, _feed(2), 1)
        threading.Event().wait(0.05)
        run.go.set()
        assert first.result()["y"].tolist() == [2]
        error = late.exception()
    assert isinstance(error, ServingError)
    assert error.code == Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("run", "feed", "message"),
    [
        (lambda feed, _: {"y": feed["x"].sum()}, _feed(1), "has 0 dimensions"),
        (lambda feed, _: {"y": feed["x"][:1]}, _feed(1, 2), "does not equal the sum"),
        (lambda feed, _: {}["y"], _feed(1), "KeyError"),
        (_Doubling(), {}, "at least one input tensor"),
        (_Doubling(), {"x": np.array(1)}, "at least one dimension"),
        (_Doubling(), {"x": np.zeros(1), "z": np.zeros(2)}, "equal 0th-dimension size"),
    ],
)
def test_requests_that_cannot_be_batched_are_rejected(run: Any, feed: Any, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        Batcher(Parameters()).run("key", run, feed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("allowed_batch_sizes: 8 allowed_batch_sizes: 4", "monotonically increasing"),
        ("max_batch_size { value: 9 } allowed_batch_sizes: 8", "last entry was 8; expected 9"),
        ("max_batch_sizes: 9", 'not a BatchingParameters: .* "max_batch_sizes"'),
    ],
)
def test_parameters_that_cannot_be_used_are_named(text: str, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        parameters(messages.parse("BatchingParameters", text, "batching_parameters_file"))


def test_a_server_with_batching_runs_requests_together_and_each_gets_its_own_rows(
    exported: dict[int, Path], tmp_path: Path
) -> None:
    """Requests sent at once fill a batch in any order; otherwise they would wait for minutes."""
    file = tmp_path / "batching.config"
    file.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 120000000 }")
    manager = ModelManager(
        options.parse([
            "--model_name=m", f"--model_base_path={exported[1].parent}",
            "--enable_batching", f"--batching_parameters_file={file}",
        ])
    )  # fmt: skip
    manager.start()
    sizes = (1, 3, 2, 2)

    def ask(number: int, size: int) -> dict[str, Any]:
        rows = np.arange(number, number + size, dtype=np.float32)
        with manager.lease("m") as (servable, _):
            return servable.run("together", {"x": rows})

    with ThreadPoolExecutor(len(sizes)) as threads:
        for number in range(50):
            for answer, size in zip(threads.map(ask, [number] * len(sizes), sizes), sizes):
                assert answer["y"].tolist() == [0.25 * (number + row) for row in range(size)]
                assert answer["rows"].tolist() == [sum(sizes)] * size
    manager.stop()
