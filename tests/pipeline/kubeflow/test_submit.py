"""Submit, schedule and status, with a server that checks requests against KFP's published API."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import kubeflow as kubeflow_commands
from pipeline.errors import InfrastructureError, TaxiwayError, UsageError
from pipeline.kubeflow.client import Client
from pipeline.kubeflow.compiler.package import Package
from pipeline.settings import loading, rendering
from pipeline.settings.kubeflow import KubeflowSettings
from tests.conftest import PROJECT, taxiway
from tests.pipeline.kubeflow import kfp_server, packages
from tests.pipeline.kubeflow.kfp_server import Kfp


@pytest.fixture
def kfp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kfp]:
    """Run a server and set the token that it expects."""
    monkeypatch.setenv("TAXIWAY_KFP_TOKEN", kfp_server.TOKEN)
    monkeypatch.setattr(kubeflow_commands, "_POLL_SECONDS", 0.01)
    with kfp_server.serving() as server:
        yield server


@pytest.fixture
def file(kfp: Kfp, tmp_path: Path) -> Path:
    """Write a settings file with the server's address."""
    kubeflow = KubeflowSettings(
        image="registry.example/taxiway:1", host=kfp.host, namespace="ann", service_account="runner"
    )
    settings = loading.absolute(packages.plain(kubeflow), PROJECT)
    (tmp_path / "taxiway.toml").write_text(rendering.as_toml(settings), encoding="utf-8")
    return tmp_path / "taxiway.toml"


def _kubeflow(*args: str | Path) -> Result:
    return CliRunner().invoke(kubeflow_commands.kubeflow, [str(arg) for arg in args])


def _state(state: str, **tasks: str) -> dict[str, Any]:
    details = [{"display_name": name, "state": task} for name, task in tasks.items()]
    return {
        "run_id": "r-1", "display_name": "flights", "state": state,
        "run_details": {"task_details": details},
    }  # fmt: skip


def test_submit_follows_the_published_api(kfp: Kfp, file: Path) -> None:
    done = _kubeflow("submit", "--settings", file, "--span", "201305", "--warm-start")
    assert done.exception is None
    assert done.output == f"Run r-1\n{kfp.host}/#/runs/details/r-1\n"
    assert kfp.problems == []
    calls = [(method, path) for method, path, _ in kfp.requests]
    assert calls == [("GET", "/experiments"), ("POST", "/experiments"), ("POST", "/runs")]
    assert kfp.requests[1][2] == {"display_name": "flights", "namespace": "ann"}
    run = kfp.requests[2][2]
    assert run["runtime_config"] == {"parameters": {"span": 201305, "warm_start": True}}
    assert run["service_account"] == "runner"
    assert run["pipeline_spec"]["pipeline_spec"]["schemaVersion"] == "2.1.0"


def test_an_experiment_is_created_once(kfp: Kfp, file: Path) -> None:
    for _ in range(2):
        assert _kubeflow("submit", "--settings", file).exception is None
    assert [path for method, path, _ in kfp.requests if method == "POST"] == [
        "/experiments", "/runs", "/runs",
    ]  # fmt: skip


def test_wait_prints_every_change_of_a_task(kfp: Kfp, file: Path) -> None:
    kfp.states = [
        _state("PENDING"),
        _state("RUNNING", start="RUNNING", root="RUNNING"),
        _state("RUNNING", start="SUCCEEDED", trainer="RUNNING"),
        _state("SUCCEEDED", start="SUCCEEDED", trainer="SUCCEEDED"),
    ]
    done = _kubeflow("submit", "--settings", file, "--wait")
    assert done.exception is None
    assert done.output.splitlines()[2:] == [
        "RUNNING    start", "SUCCEEDED  start", "RUNNING    trainer", "SUCCEEDED  trainer",
    ]  # fmt: skip


def test_a_failed_run_is_reported_with_its_task(kfp: Kfp, file: Path) -> None:
    failed = _state("FAILED", **{"data-gate": "FAILED"})
    kfp.states = [failed | {"error": {"code": 2, "message": "child exited with 3"}}]
    done = _kubeflow("submit", "--settings", file, "--wait", "--json")
    assert json.loads(done.output)["tasks"] == {"data-gate": "FAILED"}
    assert isinstance(done.exception, InfrastructureError)
    assert done.exception.what == "the run failed in data-gate: child exited with 3."
    assert "/#/runs/details/r-1" in done.exception.next_step


def test_schedule_runs_one_at_a_time_and_skips_missed_runs(kfp: Kfp, file: Path) -> None:
    done = _kubeflow("schedule", "--settings", file, "--cron", "0 0 6 2 * *", "--json")
    assert json.loads(done.output) == {
        "id": "s-1", "link": f"{kfp.host}/#/recurringrun/details/s-1",
    }  # fmt: skip
    assert kfp.problems == []
    _, path, body = kfp.requests[-1]
    assert path == "/recurringruns"
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 6 2 * *"}}
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == ("1", True, "ENABLE")
    wrong = _kubeflow("schedule", "--settings", file, "--cron", "0 6 2 * *")
    assert isinstance(wrong.exception, UsageError)
    assert "expected second, minute, hour, day, month and weekday, got" in wrong.exception.what


def test_the_test_server_reports_unpublished_fields() -> None:
    run = {"display_name": 7, "nam": "x", "state": "DONE", "runtime_config": {"params": {}}}
    assert list(kfp_server.differences(run, "V2beta1Run", "run")) == [
        "run.display_name: expected str, got 7",
        "run.nam: V2beta1Run has no such field",
        "run.state: expected one of ['RUNTIME_STATE_UNSPECIFIED', 'PENDING', 'RUNNING', "
        "'SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELING', 'CANCELED', 'PAUSED'], got 'DONE'",
        "run.runtime_config.params: V2beta1RuntimeConfig has no such field",
    ]


def test_status_requires_neither_tensorflow_nor_an_image(kfp: Kfp) -> None:
    kfp.states = [_state("RUNNING", start="SUCCEEDED", trainer="RUNNING")]
    shown = taxiway("kubeflow", "status", "r-1", "--host", kfp.host)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "RUNNING  flights\n  SUCCEEDED  start\n  RUNNING    trainer\n"


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((401, b'{"message": "no token"}'), UsageError, "refuses your credentials (401): no token"),
        ((302, b""), UsageError, "refuses your credentials (302)"),
        ((200, b"<html>Log in</html>"), UsageError, "refuses your credentials (200)"),
        ((400, b'{"error_message": "bad\\nstack"}'), UsageError, "refuses the request (400): bad."),
        (
            (404, b"nothing"),
            UsageError,
            "refuses the request (404); check that it is Kubeflow Pipelines 2.",
        ),
        ((500, b'{"error": "database"}'), InfrastructureError, "failed (500): database."),
    ],
)
def test_an_error_of_the_server_is_explained(
    kfp: Kfp, package: Package, answer: tuple[int, bytes], kind: type[TaxiwayError], message: str
) -> None:
    kfp.answer = answer
    with pytest.raises(kind) as refused:
        Client(KubeflowSettings(host=kfp.host), {}).submit(package, "flights", {})
    assert type(refused.value) is kind
    assert message in refused.value.what


def test_an_unreachable_server_is_reported(package: Package) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(InfrastructureError, match="no Kubeflow Pipelines server answers at http"):
        Client(KubeflowSettings(host=host), {}).submit(package, "flights", {})


def test_a_host_with_a_scheme_is_required() -> None:
    with pytest.raises(UsageError, match=r"kubeflow\.host: no address"):
        Client(KubeflowSettings(), {})
    with pytest.raises(UsageError, match="expected http:// or https://"):
        Client(KubeflowSettings(host="kubeflow.example"), {})


def test_an_invalid_or_unknown_run_id_is_refused(kfp: Kfp, file: Path) -> None:
    for wrong in ("../experiments", "a b"):
        refused = _kubeflow("status", wrong, "--settings", file)
        assert isinstance(refused.exception, UsageError)
    missing = _kubeflow("status", "r-9", "--settings", file)
    assert isinstance(missing.exception, UsageError)
    assert "/runs/r-9 not found." in missing.exception.what
