"""The command line of h2load, and the parsing of its output."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from serving.client.transport import EncodedRequest
from serving.sizing.errors import NotServed, ToolMissing
from serving.sizing.measurement import drive, load
from serving.sizing.measurement.load import Load, LoadResult

needs_h2load = pytest.mark.skipif(
    shutil.which("h2load") is None, reason="h2load is not installed (nghttp2-client)"
)

_WIRE = EncodedRequest("http://127.0.0.1:8500/p", {"te": "trailers"}, b"rows", http2=True)
_LOAD = Load(_WIRE, requests=4, clients=2, answer_bytes=63)

# What h2load 1.52 printed of a gRPC server, in part.
_OUT = """\
finished in 1.22s, 3.28 req/s, 98.43KB/s
requests: 4 total, 4 started, 4 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
status codes: 4 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 120.06KB (122940) total, 3.22KB (3300) headers (space savings 95.93%), 252B ({data}) data
"""
_LOG = "1000000\t200\t2000\n1000500\t200\t1000\n1002000\t200\t4000\n1003000\t200\t3000\n"


def test_times_are_those_of_single_requests() -> None:
    result = load.parse(_OUT.format(succeeded=4, data=252), _LOG, _LOAD)
    assert (result.requests, result.errors) == (4, 0)
    assert result.took.tolist() == [0.002, 0.001, 0.004, 0.003]
    assert result.began.tolist() == [1.0, 1.0005, 1.002, 1.003]


@pytest.mark.parametrize(("data", "errors"), [(252, 0), (189, 1), (200, 1), (0, 4), (253, 4)])
def test_an_error_of_grpc_shows_as_a_body_that_is_missing(data: int, errors: int) -> None:
    result = load.parse(_OUT.format(succeeded=4, data=data), _LOG, _LOAD)
    assert result.errors == errors


def test_an_error_of_rest_shows_in_the_status() -> None:
    rest = replace(_LOAD, answer_bytes=None)
    assert load.parse(_OUT.format(succeeded=1, data=900), _LOG, rest).errors == 3


def test_an_address_without_a_server_is_reported() -> None:
    out = _OUT.format(succeeded=0, data=0)
    with pytest.raises(NotServed, match=r"http://127.0.0.1:8500/p gives no answer"):
        load.parse(out, "", _LOAD)
    with pytest.raises(NotServed, match="gives no answer"):
        load.parse(out, "1000000\t-1\t0\n", _LOAD)


@needs_h2load
def test_the_real_tool_reports_a_closed_port() -> None:
    encoded = replace(_WIRE, url="http://127.0.0.1:1/p")
    with pytest.raises(NotServed, match=r"http://127.0.0.1:1/p gives no answer"):
        drive.drive(Load(encoded, 4, 2), (), 0.1, None)


def test_a_missing_tool_is_reported_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ToolMissing) as stopped:
        drive.drive(_LOAD, (), 0.1, None)
    assert "apt install nghttp2-client" in stopped.value.next_step


@pytest.mark.parametrize("rate", [0.7, 3, 49.5, 680, 1234.5, 9876, 50_000])
def test_a_steady_rate_is_spread_evenly(rate: float) -> None:
    result = load.steady(_WIRE, rate, seconds=4, patience=0.1, answer_bytes=63)
    assert result.rate == pytest.approx(rate, rel=0.011)
    assert result.rate is not None
    # When each client sends, as a share of the time between two requests of a client.
    between = result.clients / result.rate
    phases = sorted(number * result.apart / 1e3 / between % 1 for number in range(result.clients))
    gaps = np.diff([*phases, phases[0] + 1])
    assert gaps == pytest.approx(np.full(result.clients, 1 / result.clients), rel=1e-3)
    assert result.requests >= 2 * result.clients


def test_no_client_sends_more_often_than_its_clock_allows() -> None:
    result = load.steady(_WIRE, 3000, 4, patience=0.001, answer_bytes=63)
    assert result.rate is not None
    assert result.clients / result.rate >= 0.02


def test_rate_and_percentiles_leave_the_ramps_out() -> None:
    # 1,000 a second for 10 s, each of 5 ms; in the first half second they take 500 ms.
    began = np.arange(10_000) / 1000
    took = np.where(began < 0.5, 0.5, 0.005)
    result = drive.figures_from(LoadResult(10_000, 0, 0, began, took))
    assert result.per_second == pytest.approx(1000, rel=0.01)
    assert (result.p50_ms, result.p99_ms) == (pytest.approx(5), pytest.approx(5))


def test_percentiles_are_of_requests_inside() -> None:
    began = np.arange(10_000) / 1000
    took = np.where(np.arange(10_000) % 50 == 0, 0.1, 0.001)
    result = drive.figures_from(LoadResult(10_000, 0, 0, began, took))
    assert [result.p50_ms, result.p95_ms, result.p99_ms] == pytest.approx([1, 1, 100])
