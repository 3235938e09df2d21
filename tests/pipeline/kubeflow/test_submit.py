"""Submit, schedule and ask, against a server that holds requests to KFP's published API."""

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
    """A server, and the token that it wants."""
    monkeypatch.setenv("TAXIWAY_KFP_TOKEN", kfp_server.TOKEN)
    monkeypatch.setattr(kubeflow_commands, "_POLL_SECONDS", 0.01)
    with kfp_server.serving() as server:
        yield server


@pytest.fixture
def file(kfp: Kfp, tmp_path: Path) -> Path:
    """Settings that name the server."""
    kubeflow = KubeflowSettings(
        image="registry.example/taxiway:1", host=kfp.host, namespace="ann", service_account="runner"
    )
    found = loading.absolute(packages.plain(kubeflow), PROJECT)
    (tmp_path / "taxiway.toml").write_text(rendering.as_toml(found), encoding="utf-8")
    return tmp_path / "taxiway.toml"


def _kubeflow(*words: str | Path) -> Result:
    return CliRunner().invoke(kubeflow_commands.kubeflow, [str(word) for word in words])


def _state(state: str, **tasks: str) -> dict[str, Any]:
    details = [{"display_name": name, "state": each} for name, each in tasks.items()]
    return {
        "run_id": "r-1", "display_name": "flights", "state": state,
        "run_details": {"task_details": details},
    }  # fmt: skip


def test_a_run_is_submitted_as_kfp_publishes_it(kfp: Kfp, file: Path) -> None:
    done = _kubeflow("submit", "--settings", file, "--span", "201305", "--warm-start")
    assert done.exception is None
    assert done.output == f"Run r-1\n{kfp.host}/#/runs/details/r-1\n"
    assert kfp.wrong == []
    calls = [(method, path) for method, path, _ in kfp.asked]
    assert calls == [("GET", "/experiments"), ("POST", "/experiments"), ("POST", "/runs")]
    assert kfp.asked[1][2] == {"display_name": "flights", "namespace": "ann"}
    run = kfp.asked[2][2]
    assert run["runtime_config"] == {"parameters": {"span": 201305, "warm_start": True}}
    assert run["service_account"] == "runner"
    assert run["pipeline_spec"]["pipeline_spec"]["schemaVersion"] == "2.1.0"


def test_an_experiment_is_made_once(kfp: Kfp, file: Path) -> None:
    for _ in range(2):
        assert _kubeflow("submit", "--settings", file).exception is None
    assert [path for method, path, _ in kfp.asked if method == "POST"] == [
        "/experiments", "/runs", "/runs",
    ]  # fmt: skip


def test_whoever_waits_hears_how_far_it_is(kfp: Kfp, file: Path) -> None:
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


def test_a_run_that_fails_is_told_with_its_task(kfp: Kfp, file: Path) -> None:
    failed = _state("FAILED", **{"data-gate": "FAILED"})
    kfp.states = [failed | {"error": {"code": 2, "message": "child exited with 3"}}]
    done = _kubeflow("submit", "--settings", file, "--wait", "--json")
    assert json.loads(done.output)["tasks"] == {"data-gate": "FAILED"}
    assert isinstance(done.exception, InfrastructureError)
    assert done.exception.what == "the run failed in data-gate: child exited with 3."
    assert "/#/runs/details/r-1" in done.exception.next_step


def test_runs_are_scheduled_one_at_a_time_and_nothing_is_made_up_for(kfp: Kfp, file: Path) -> None:
    done = _kubeflow("schedule", "--settings", file, "--cron", "0 0 6 2 * *", "--json")
    assert json.loads(done.output) == {
        "id": "s-1", "link": f"{kfp.host}/#/recurringrun/details/s-1",
    }  # fmt: skip
    assert kfp.wrong == []
    _, path, body = kfp.asked[-1]
    assert path == "/recurringruns"
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 6 2 * *"}}
    assert (body["max_concurrency"], body["no_catchup"], body["mode"]) == ("1", True, "ENABLE")
    wrong = _kubeflow("schedule", "--settings", file, "--cron", "0 6 2 * *")
    assert isinstance(wrong.exception, UsageError)
    assert "expected second, minute, hour, day, month and weekday, got" in wrong.exception.what


def test_the_server_of_these_tests_finds_what_is_not_published() -> None:
    run = {"display_name": 7, "nam": "x", "state": "DONE", "runtime_config": {"params": {}}}
    assert list(kfp_server.differences(run, "V2beta1Run", "run")) == [
        "run.display_name: 7 is no str",
        "run.nam: V2beta1Run has no such field",
        "run.state: 'DONE' is none of ['RUNTIME_STATE_UNSPECIFIED', 'PENDING', 'RUNNING', "
        "'SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELING', 'CANCELED', 'PAUSED']",
        "run.runtime_config.params: V2beta1RuntimeConfig has no such field",
    ]


def test_status_needs_neither_tensorflow_nor_an_image(kfp: Kfp) -> None:
    kfp.states = [_state("RUNNING", start="SUCCEEDED", trainer="RUNNING")]
    shown = taxiway("kubeflow", "status", "r-1", "--host", kfp.host)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "RUNNING  flights\n  SUCCEEDED  start\n  RUNNING    trainer\n"


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ((401, b'{"message": "no token"}'), UsageError, "does not let you in (401): no token"),
        ((302, b""), UsageError, "does not let you in (302)"),
        ((200, b"<html>Log in</html>"), UsageError, "does not let you in (200)"),
        ((400, b'{"error_message": "bad\\nstack"}'), UsageError, "refuses that (400): bad."),
        ((404, b"nothing"), UsageError, "refuses that (404); is this Kubeflow Pipelines 2?"),
        ((500, b'{"error": "database"}'), InfrastructureError, "failed (500): database."),
    ],
)
def test_a_refusing_server_is_understood(
    kfp: Kfp, package: Package, answer: tuple[int, bytes], kind: type[TaxiwayError], says: str
) -> None:
    kfp.answer = answer
    with pytest.raises(kind) as refused:
        Client(KubeflowSettings(host=kfp.host), {}).submit(package, "flights", {})
    assert type(refused.value) is kind
    assert says in refused.value.what


def test_a_server_that_is_not_there_is_named(package: Package) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(InfrastructureError, match="no Kubeflow Pipelines server answers at http"):
        Client(KubeflowSettings(host=host), {}).submit(package, "flights", {})


def test_a_host_is_needed_and_has_a_scheme() -> None:
    with pytest.raises(UsageError, match=r"kubeflow\.host: there is no address"):
        Client(KubeflowSettings(), {})
    with pytest.raises(UsageError, match="begins with no http:// or https://"):
        Client(KubeflowSettings(host="kubeflow.example"), {})


def test_an_id_is_an_id(kfp: Kfp, file: Path) -> None:
    for wrong in ("../experiments", "a b"):
        refused = _kubeflow("status", wrong, "--settings", file)
        assert isinstance(refused.exception, UsageError)
    missing = _kubeflow("status", "r-9", "--settings", file)
    assert isinstance(missing.exception, UsageError)
    assert "/runs/r-9 not found." in missing.exception.what
