"""An engine that cannot do the work is found out before any work starts."""

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
    """Something that answers as a Flink of 2 slots does."""
    with answering(json.dumps(OVERVIEW).encode()) as place:
        yield place


def _nobody() -> str:
    return f"127.0.0.1:{free_port()}"


# A pool is there when somebody listens, which who answers for the cluster does too.
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


def test_nothing_is_looked_for_when_work_is_done_here() -> None:
    assert check.check_engines(BeamSettings()) == ""


def test_an_engine_that_fits_is_named(master: str, jar: str) -> None:
    found = check.check_engines(_beam(master, job_server=jar, parallelism=2))
    assert found == f"Flink 1.19.3 at {master}, 2 task slots"


@pytest.mark.parametrize(
    ("flink", "says"),
    [
        ({"master": None}, "beam.flink.master is not set"),
        (
            {"master": "localhost:1", "setup_file": Path("install.py")},
            "expected a file called setup.py, got install.py",
        ),
    ],
)
def test_settings_that_no_engine_can_work_with_are_usage(flink: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as raised:
        check.check_engines(_beam(**flink))
    assert says in raised.value.what


def test_an_engine_of_one_component_is_looked_for_too() -> None:
    beam = BeamSettings(components={"Evaluator": ComponentSettings(engine="flink")})
    with pytest.raises(UsageError, match="master is not set"):
        check.check_engines(beam)


def test_nobody_at_the_address() -> None:
    place = _nobody()
    assert f"nothing answers at {place}: " in _refused(_beam(place))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"slots-total": null}', b"{}"])
def test_somebody_else_at_the_address(body: bytes) -> None:
    with answering(body) as place:
        assert "is not Flink's REST API" in _refused(_beam(place))


def test_too_few_slots(master: str) -> None:
    assert "has 2 task slots in 1 TaskManagers; 3 are needed" in _refused(
        _beam(master, parallelism=3)
    )
    wide = {"Transform": ComponentSettings(parallelism=4)}
    beam = _beam(master, parallelism=2).model_copy(update={"components": wide})
    assert "4 are needed" in _refused(beam)


def test_spark_is_called_and_its_page_says_how_large_it_is(jar: str) -> None:
    said = {"url": "spark://here:7077", "cores": 2, "aliveworkers": 1}
    with answering(json.dumps(said).encode()) as place:
        assert check.check_engines(_spark(place, job_server=jar)) == f"Spark at {place}"
        beam = _spark(place, job_server=jar, web_ui=place, parallelism=2)
        assert check.check_engines(beam) == "Spark at here:7077, 2 cores"
        beam = _spark(place, job_server=jar, web_ui=place, parallelism=3)
        assert "has 2 cores in 1 workers; 3 are needed" in _refused(beam)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"cores": "many"}'])
def test_another_page_than_sparks(body: bytes) -> None:
    with answering(body) as place:
        assert "is not the page of Spark's master" in _refused(_spark(place, web_ui=place))


def test_the_job_server_is_of_the_cluster_s_version() -> None:
    for version in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS:
        overview = OVERVIEW | {"flink-version": f"{version}.1"}
        with answering(json.dumps(overview).encode()) as place:
            assert f":{version}:job-server" in Flink(_beam(place)).published_jar()


def test_a_version_that_beam_has_no_job_server_for(jar: str) -> None:
    overview = OVERVIEW | {"flink-version": "1.2.0"}
    with answering(json.dumps(overview).encode()) as place:
        assert f"Flink at {place} is version 1.2; this Beam publishes" in _refused(_beam(place))
        check.check_engines(_beam(place, job_server=jar))  # it knows itself


def test_an_answer_that_is_an_error_is_told_as_it_is() -> None:
    with answering(b'{"errors": ["leader election"]}', status=503) as place:
        assert f"beam.flink.master: {place} answers GET /overview with HTTP 503" in _refused(
            _beam(place)
        )


@pytest.mark.parametrize(
    ("argument", "says"),
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
def test_flags_that_beam_cannot_read_are_usage(master: str, argument: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        check.check_engines(_beam(master, arguments=(argument,)))
    assert raised.value.what.startswith("beam.flink.arguments, as ExampleGen has them: ")
    assert says in raised.value.what


@pytest.mark.parametrize(
    "argument", ["--state_backend=rocksdb", "--gcp_temp_location=gs://t", "--operator_chaining"]
)
def test_flags_that_only_the_job_server_knows_pass(master: str, jar: str, argument: str) -> None:
    check.check_engines(
        _beam(master, job_server=jar, arguments=("--sdk_worker_parallelism=4", argument))
    )


def test_a_job_server_that_is_no_jar(master: str, jar: str, tmp_path: Path) -> None:
    (tmp_path / "text.jar").write_text("hello")
    for name in ("none.jar", "text.jar"):
        file = str(tmp_path / name)
        assert f"{file} is not a readable jar" in _refused(_beam(master, job_server=file))


def test_no_java(master: str, jar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "there is no java on the PATH" in _refused(_beam(master, job_server=jar))


def test_a_job_endpoint_and_a_worker_pool_have_to_answer(master: str, jar: str) -> None:
    place = _nobody()
    assert f"job_endpoint: nothing answers at {place}" in _refused(
        _beam(master, job_endpoint=place)
    )
    assert f"worker_pool: nothing answers at {place}" in _refused(
        _beam(master, job_server=jar, worker_pool=place)
    )


@pytest.mark.parametrize(
    ("master", "pool", "called"),
    [
        ("localhost:8081", "localhost:50000", True),
        ("127.0.0.2:8081", "pool.example:50000", True),
        ("flink.example:8081", "pool.example:50000", True),
        # It is another machine's localhost.
        ("flink.example:8081", "localhost:50000", False),
    ],
)
def test_a_worker_pool_is_called_where_it_can_be(master: str, pool: str, called: bool) -> None:
    said = FlinkSettings(master=master, worker_pool=pool)
    assert check.pool_is_reachable(said) == called


def test_a_place_that_is_no_name_is_nobody() -> None:
    assert "beam.spark.master: nothing answers at a..b:1" in _refused(_spark("a..b:1"))


@pytest.mark.parametrize("beam", [_beam, _spark])
def test_a_name_that_nobody_has_is_told_as_such(beam: Any) -> None:
    # What a resolver says of it differs; here it is a sentence, without what urllib3 has around it.
    assert re.search(
        r"nothing answers at nobody\.invalid:1: [\w' -]+\.$", _refused(beam("nobody.invalid:1"))
    )


def test_a_setup_file_has_to_be_there(master: str, jar: str, tmp_path: Path) -> None:
    file = tmp_path / "setup.py"
    assert f"there is no file {file}" in _refused(_beam(master, job_server=jar, setup_file=file))


def test_a_run_stops_before_any_work(tmp_path: Path) -> None:
    place, workspace = _nobody(), tmp_path / "workspace"
    (tmp_path / "taxiway.toml").write_text(f'[beam.flink]\nmaster = "{place}"\n')
    done = taxiway("run", "--engine", "flink", "--workspace", workspace, cwd=tmp_path)
    assert done.returncode == 5
    assert re.fullmatch(r"✗ Engine +\d+\.\d s\n", done.stdout)
    assert done.stderr.startswith(
        f"Stopped: beam.flink.master: nothing answers at {place}: Connection refused.\n"
        "Next   taxiway run --engine local, or fix [beam.flink] (docs/engines.md)\n"
    )
    assert sorted(each.name for each in workspace.iterdir()) == [".lock", "logs"]
    unset = taxiway("run", "--engine", "flink", "--workspace", workspace, cwd=Path("/"))
    assert unset.returncode == 2
    assert "beam.flink.master is not set" in unset.stderr


def test_the_doctor_looks_at_the_engine(master: str, jar: str, tmp_path: Path) -> None:
    beam = _beam(master, job_server=jar)
    checks = check_project(Settings(workspace=tmp_path, beam=beam))
    assert [each.detail for each in checks if each.name == "engine"] == [check.check_engines(beam)]
    checks = check_project(Settings(workspace=tmp_path, beam=_beam(_nobody())))
    assert [each.passed for each in checks if each.name == "engine"] == [False]
    checks = check_project(Settings(workspace=tmp_path))
    assert "engine" not in {each.name for each in checks}
