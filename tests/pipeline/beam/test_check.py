"""Checking engines before any work starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from pipeline.beam import check
from pipeline.beam.flink import Flink
from pipeline.cli.checks import check_project
from pipeline.errors import InfrastructureError, UsageError
from pipeline.settings.beam import BeamSettings, ComponentSettings, FlinkSettings, SparkSettings
from pipeline.settings.sections import Settings
from serving.ports import free_port
from tests.conftest import taxiway
from tests.pipeline.beam.servers import OVERVIEW, answering


@pytest.fixture
def master() -> Iterator[str]:
    """The address of a server that answers like a Flink with 2 slots."""
    with answering(json.dumps(OVERVIEW).encode()) as address:
        yield address


def _free_address() -> str:
    return f"127.0.0.1:{free_port()}"


# A worker pool only has to listen, so the server of the cluster replaces it.
def _beam(master: str | None, **flink: Any) -> BeamSettings:
    flink = {"worker_pool": master or "localhost:1"} | flink
    return BeamSettings(engine="flink", flink=FlinkSettings(master=master, **flink))


def _spark(master: str, **spark: Any) -> BeamSettings:
    spark = {"worker_pool": master} | spark
    return BeamSettings(engine="spark", spark=SparkSettings(master=master, **spark))


def _refused(beam: BeamSettings) -> str:
    with pytest.raises(InfrastructureError) as raised:
        check.check_engines(beam)
    assert raised.value.next_step
    return raised.value.what


def test_the_local_engine_needs_no_check() -> None:
    assert check.check_engines(BeamSettings()) == ""


def test_a_suitable_engine_is_described(master: str, jar: str) -> None:
    description = check.check_engines(_beam(master, job_server=jar, parallelism=2))
    assert description == f"Flink 1.19.3 at {master}, 2 task slots"


@pytest.mark.parametrize(
    ("flink", "message"),
    [
        ({"master": None}, "beam.flink.master is not set"),
        (
            {"master": "localhost:1", "setup_file": Path("install.py")},
            "expected a file called setup.py, got install.py",
        ),
    ],
)
def test_settings_that_no_engine_supports_are_usage_errors(
    flink: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        check.check_engines(_beam(**flink))
    assert message in raised.value.what


def test_the_engine_of_a_single_component_is_checked_too() -> None:
    beam = BeamSettings(components={"Evaluator": ComponentSettings(engine="flink")})
    with pytest.raises(UsageError, match="master is not set"):
        check.check_engines(beam)


def test_an_address_without_a_server() -> None:
    address = _free_address()
    assert f"nothing answers at {address}: " in _refused(_beam(address))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"slots-total": null}', b"{}"])
def test_an_address_with_another_server(body: bytes) -> None:
    with answering(body) as address:
        assert "is not Flink's REST API" in _refused(_beam(address))


def test_too_few_slots(master: str) -> None:
    assert "has 2 task slots in 1 TaskManagers; 3 are needed" in _refused(
        _beam(master, parallelism=3)
    )
    wide = {"Transform": ComponentSettings(parallelism=4)}
    beam = _beam(master, parallelism=2).model_copy(update={"components": wide})
    assert "4 are needed" in _refused(beam)


def test_spark_is_connected_and_its_page_states_its_size(jar: str) -> None:
    page = {"url": "spark://master:7077", "cores": 2, "aliveworkers": 1}
    with answering(json.dumps(page).encode()) as address:
        assert check.check_engines(_spark(address, job_server=jar)) == f"Spark at {address}"
        beam = _spark(address, job_server=jar, web_ui=address, parallelism=2)
        assert check.check_engines(beam) == "Spark at master:7077, 2 cores"
        beam = _spark(address, job_server=jar, web_ui=address, parallelism=3)
        assert "has 2 cores in 1 workers; 3 are needed" in _refused(beam)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"cores": "many"}'])
def test_a_page_that_is_not_sparks(body: bytes) -> None:
    with answering(body) as address:
        assert "is not the page of Spark's master" in _refused(_spark(address, web_ui=address))


def test_the_job_server_has_the_version_of_the_cluster() -> None:
    for version in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS:
        overview = OVERVIEW | {"flink-version": f"{version}.1"}
        with answering(json.dumps(overview).encode()) as address:
            assert f":{version}:job-server" in Flink(_beam(address)).published_jar()


def test_a_version_without_a_job_server_of_beam(jar: str) -> None:
    overview = OVERVIEW | {"flink-version": "1.2.0"}
    with answering(json.dumps(overview).encode()) as address:
        assert f"Flink at {address} is version 1.2; this Beam publishes" in _refused(_beam(address))
        # A job server that is set is used for every version.
        check.check_engines(_beam(address, job_server=jar))


def test_an_http_error_is_reported() -> None:
    with answering(b'{"errors": ["leader election"]}', status=503) as address:
        assert f"beam.flink.master: {address} answers GET /overview with HTTP 503" in _refused(
            _beam(address)
        )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--max_parallelism=many", "argument --max_parallelism: invalid int value: 'many'"),
        ("--streaming=", "argument --streaming: ignored explicit argument ''"),
        (
            "--sdk_worker_paralelism=4",
            "--sdk_worker_paralelism is no flag of Beam; did you mean --sdk_worker_parallelism?",
        ),
        ("--no_pipeline_typecheck", "did you mean --no_pipeline_type_check?"),
    ],
)
def test_flags_that_beam_cannot_parse_are_usage_errors(
    master: str, argument: str, message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        check.check_engines(_beam(master, arguments=(argument,)))
    assert raised.value.what.startswith("beam.flink.arguments, as ExampleGen has them: ")
    assert message in raised.value.what


@pytest.mark.parametrize(
    "argument", ["--state_backend=rocksdb", "--gcp_temp_location=gs://t", "--operator_chaining"]
)
def test_flags_of_the_job_server_pass(master: str, jar: str, argument: str) -> None:
    check.check_engines(
        _beam(master, job_server=jar, arguments=("--sdk_worker_parallelism=4", argument))
    )


def test_a_job_server_that_is_not_a_jar(master: str, jar: str, tmp_path: Path) -> None:
    (tmp_path / "text.jar").write_text("hello")
    for name in ("none.jar", "text.jar"):
        file = str(tmp_path / name)
        assert f"{file} is not a readable jar" in _refused(_beam(master, job_server=file))


def test_a_missing_java(master: str, jar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "there is no java on the PATH" in _refused(_beam(master, job_server=jar))


def test_a_job_endpoint_and_a_worker_pool_must_answer(master: str, jar: str) -> None:
    address = _free_address()
    assert f"job_endpoint: nothing answers at {address}" in _refused(
        _beam(master, job_endpoint=address)
    )
    assert f"worker_pool: nothing answers at {address}" in _refused(
        _beam(master, job_server=jar, worker_pool=address)
    )


@pytest.mark.parametrize(
    ("master", "pool", "called"),
    [
        ("localhost:8081", "localhost:50000", True),
        ("127.0.0.2:8081", "pool.example:50000", True),
        ("flink.example:8081", "pool.example:50000", True),
        # This localhost is that of another machine.
        ("flink.example:8081", "localhost:50000", False),
    ],
)
def test_a_worker_pool_is_called_if_it_is_reachable(master: str, pool: str, called: bool) -> None:
    settings = FlinkSettings(master=master, worker_pool=pool)
    assert check.pool_is_reachable(settings) == called


def test_an_invalid_host_name() -> None:
    assert "beam.spark.master: nothing answers at a..b:1" in _refused(_spark("a..b:1"))


@pytest.mark.parametrize("beam", [_beam, _spark])
def test_an_unresolvable_host_name(beam: Any) -> None:
    # Resolvers have different messages; the sentence must not have the text that urllib3 adds.
    assert re.search(
        r"nothing answers at missing\.invalid:1: [\w' -]+\.$", _refused(beam("missing.invalid:1"))
    )


def test_a_missing_setup_file(master: str, jar: str, tmp_path: Path) -> None:
    file = tmp_path / "setup.py"
    assert f"there is no file {file}" in _refused(_beam(master, job_server=jar, setup_file=file))


def test_a_run_stops_before_any_work(tmp_path: Path) -> None:
    address, workspace = _free_address(), tmp_path / "workspace"
    (tmp_path / "taxiway.toml").write_text(f'[beam.flink]\nmaster = "{address}"\n')
    done = taxiway("run", "--engine", "flink", "--workspace", workspace, cwd=tmp_path)
    assert done.returncode == 5
    assert re.fullmatch(r"✗ Engine +\d+\.\d s\n", done.stdout)
    assert done.stderr.startswith(
        f"Stopped: beam.flink.master: nothing answers at {address}: Connection refused.\n"
        "Next   taxiway run --engine local, or fix [beam.flink] (docs/engines.md)\n"
    )
    assert sorted(path.name for path in workspace.iterdir()) == [".lock", "logs"]
    (tmp_path / "taxiway.toml").write_text("")
    unset = taxiway("run", "--engine", "flink", "--workspace", workspace, cwd=tmp_path)
    assert unset.returncode == 2
    assert "beam.flink.master is not set" in unset.stderr


def test_the_doctor_checks_the_engine(master: str, jar: str, tmp_path: Path) -> None:
    beam = _beam(master, job_server=jar)
    checks = check_project(Settings(workspace=tmp_path, beam=beam))
    assert [row.detail for row in checks if row.name == "engine"] == [check.check_engines(beam)]
    checks = check_project(Settings(workspace=tmp_path, beam=_beam(_free_address())))
    assert [row.passed for row in checks if row.name == "engine"] == [False]
    checks = check_project(Settings(workspace=tmp_path))
    assert "engine" not in {row.name for row in checks}
