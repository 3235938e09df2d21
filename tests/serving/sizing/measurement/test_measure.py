"""A real server, driven by the real load generator."""

from __future__ import annotations

import re
import shutil
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from serving.client import Client
from serving.ports import free_port
from serving.server import options
from serving.server.server import ModelServer
from serving.sizing.errors import NotServed, WrongAnswers
from serving.sizing.measurement import answers, drive, server
from serving.sizing.measurement.load import Load
from serving.sizing.measurement.measure import Bench
from serving.sizing.results.result import Sizing, SizingRequest
from tests.serving.sizing.measured import sizing
from tests.serving.tiny import export

pytestmark = pytest.mark.skipif(
    shutil.which("h2load") is None, reason="h2load is not installed (nghttp2-client)"
)

ROWS = [
    {"distance": number / 64, "carrier": ("AA", "B6", "UA")[number % 3]} for number in range(64)
]


@dataclass
class Heard:
    """An observer that records what it receives."""

    steps: list[str] = field(default_factory=list)
    loading: threading.Event = field(default_factory=threading.Event)

    def started(self, name: str) -> None:
        """Record the start of a step."""
        if name.startswith("Round"):
            self.loading.set()

    def finished(self, name: str, seconds: float, decision: str) -> None:
        """Record the result of a step."""
        self.steps.append(f"{name}: {decision}")

    def failed(self, name: str, seconds: float) -> None:
        """Record the failure of a step."""
        self.steps.append(f"{name} failed")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that answer differently, each as version 1."""
    folder = tmp_path_factory.mktemp("sizing")
    export(folder / "tiny" / "1", weight=0.25)
    export(folder / "other" / "1", weight=0.5)
    return folder


@pytest.fixture
def served(models: Path) -> Iterator[Callable[[str], ModelServer]]:
    """Serve one of the models under the name `tiny`."""
    started: list[ModelServer] = []

    def serve(model: str = "tiny", *flags: str) -> ModelServer:
        args = ["--model_name=tiny", f"--model_base_path={models / model}", "--port=0", *flags]
        model_server = ModelServer(options.parse([*args, f"--rest_api_port={free_port()}"]))
        started.append(model_server)
        return model_server

    yield serve
    for model_server in started:
        model_server.stop()


def _bench(model_server: ModelServer, expected: Any, **settings: Any) -> Bench:
    addresses = {
        "grpc": f"127.0.0.1:{model_server.port}", "rest": f"http://127.0.0.1:{model_server.rest_port}",
    }  # fmt: skip
    target = server.running(addresses, "tiny", None)
    values: dict[str, Any] = {
        "batches": (4,), "concurrencies": (2,), "repeats": 2, "seconds": 0.2, "target_ms": 10_000.0,
    }  # fmt: skip
    return Bench(target, ROWS, expected, SizingRequest(**(values | settings)), (), Heard())


def _nothing_yet() -> Sizing:
    return sizing(cells=(), memory=None, recommendation=None, caveats=())


@pytest.mark.slow
def test_every_cell_is_measured_over_both_protocols(
    served: Callable[..., ModelServer], models: Path
) -> None:
    bench = _bench(served(), answers.in_process(models / "tiny" / "1", ROWS))
    measured = bench.measure(_nothing_yet())
    assert [(item.protocol, item.batch, item.concurrency) for item in measured.cells] == [
        ("grpc", 4, 2), ("rest", 4, 2),
    ]  # fmt: skip
    for cell in measured.cells:
        assert (len(cell.repeats), cell.errors) == (2, 0)
        assert cell.rows_per_second > 0
        assert 0 < cell.p50_ms <= cell.p95_ms <= cell.p99_ms
        assert (cell.cpu_ms, cell.memory_bytes) == (None, None)
    # Whether the repeats of such a short time are near each other is chance.
    assert (measured.recommendation is None) == any("spread" in item for item in measured.refused)


def test_another_model_than_the_named_one_is_detected(
    served: Callable[..., ModelServer], models: Path
) -> None:
    bench = _bench(served("other"), answers.in_process(models / "tiny" / "1", ROWS))
    with pytest.raises(WrongAnswers, match="over grpc before the load are not those of the model"):
        bench.measure(_nothing_yet())


def test_errors_of_grpc_are_counted_although_their_status_is_200(
    served: Callable[..., ModelServer],
) -> None:
    model_server = served()
    good = Client.grpc(f"127.0.0.1:{model_server.port}", "tiny").encode(ROWS[:4])
    length = drive.answer_bytes(good, ())
    figures = drive.drive(Load(good, 20, 2, answer_bytes=length), (), 0.1, None)
    assert (figures.requests, figures.errors) == (20, 0)
    # The same request for a model of another name, which is not served.
    assert good.body.count(b"\x04tiny") == 1
    bad = type(good)(good.url, good.headers, good.body.replace(b"tiny", b"none"), good.http2)
    figures = drive.drive(Load(bad, 20, 2, answer_bytes=length), (), 0.1, None)
    assert (figures.requests, figures.errors) == (20, 20)
    with pytest.raises(NotServed, match="answers with an error"):
        drive.answer_bytes(bad, ())


def test_a_server_that_goes_away_meanwhile_is_an_error_and_no_figure(
    served: Callable[..., ModelServer], tmp_path: Path
) -> None:
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    model_server = served("tiny", f"--monitoring_config_file={tmp_path / 'monitoring.config'}")
    bench = _bench(model_server, None, protocols=("rest",), seconds=5.0, repeats=9)
    heard = bench.observer
    assert isinstance(heard, Heard)
    stopped: list[int] = []

    def end_under_load() -> None:
        assert heard.loading.wait(60)
        # More than what is sent to find out how much to send.
        while (answered := _answered(model_server)) < 300:
            threading.Event().wait(0.02)
        model_server.stop()
        stopped.append(answered)

    ending = threading.Thread(target=end_under_load, daemon=True)
    ending.start()
    with pytest.raises(NotServed, match=r"no answer|does not answer"):
        bench.measure(_nothing_yet())
    ending.join(60)
    assert stopped
    assert re.fullmatch(r"Round \d of 9 failed", heard.steps[-1])


def _answered(model_server: ModelServer) -> int:
    address = f"http://127.0.0.1:{model_server.rest_port}/monitoring/prometheus/metrics"
    with urllib.request.urlopen(address) as answer:
        counts = re.findall(r"request_count\{.*\} (\d+)", answer.read().decode())
    return sum(map(int, counts))


def test_a_command_that_ends_is_quoted(models: Path, tmp_path: Path) -> None:
    command = server.Command(("sh", "-c", "echo no such model >&2; exit 3"))
    with (
        pytest.raises(NotServed, match="The server ended with 3: no such model"),
        server.started(command, models / "tiny" / "1", "tiny", tmp_path, ()),
    ):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["server.log"]
