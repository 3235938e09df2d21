"""What Beam hears of the settings, and that TFX packs nothing by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)
from tfx.utils import dependency_utils

from pipeline.engine.flags import flags
from pipeline.engine.names import COMPONENTS
from pipeline.engine.settings import BeamSettings, ComponentSettings, FlinkSettings


def _beam(**flink: Any) -> BeamSettings:
    return BeamSettings(engine="flink", flink=FlinkSettings(master="flink:8081", **flink))


def _options(settings: BeamSettings, component: Any = "Transform") -> PipelineOptions:
    return PipelineOptions(flags(settings, component))


def test_work_in_this_process_needs_no_flags() -> None:
    assert [flags(BeamSettings(), each) for each in COMPONENTS] == [[], [], [], []]


def test_every_setting_of_flink_reaches_beam() -> None:
    options = _options(
        _beam(
            version="1.19", parallelism=8, job_server="/jars/server.jar",
            setup_file=Path("/taxiway/setup.py"), staging=Path("/workspace/staging"),
            arguments=("--max_parallelism=64",),
        )
    )  # fmt: skip
    flink = options.view_as(FlinkRunnerOptions)
    assert options.view_as(StandardOptions).runner == "FlinkRunner"
    assert (flink.flink_master, flink.flink_version) == ("flink:8081", "1.19")
    assert (flink.parallelism, flink.max_parallelism) == (8, 64)
    assert flink.flink_job_server_jar == "/jars/server.jar"
    assert options.view_as(JobServerOptions).artifacts_dir == "/workspace/staging"
    assert options.view_as(SetupOptions).setup_file == "/taxiway/setup.py"


@pytest.mark.parametrize(
    ("settings", "kind", "config", "image"),
    [
        ({}, "EXTERNAL", "localhost:50000", "already-there"),
        ({"worker_pool": "10.0.0.7:1"}, "EXTERNAL", "10.0.0.7:1", "already-there"),
        ({"environment": "loopback"}, "LOOPBACK", None, "already-there"),
        ({"environment": "docker", "image": "reg/w:1"}, "DOCKER", "reg/w:1", "reg/w:1"),
    ],
)
def test_python_runs_where_the_settings_say(
    settings: dict[str, Any], kind: str, config: str | None, image: str
) -> None:
    options = _options(_beam(**settings))
    portable = options.view_as(PortableOptions)
    assert (portable.environment_type, portable.environment_config) == (kind, config)
    assert options.view_as(WorkerOptions).sdk_container_image == image


def test_a_running_job_server_is_used_instead_of_a_new_one() -> None:
    assert _options(_beam(job_endpoint="jobs:8099")).view_as(PortableOptions).job_endpoint == (
        "jobs:8099"
    )


def test_a_coordinate_becomes_the_jar_in_maven_central() -> None:
    server = _beam(job_server="org.example:flink-job-server:1.2")
    jar = _options(server).view_as(FlinkRunnerOptions).flink_job_server_jar
    assert jar.startswith("https://")
    assert jar.endswith("/org/example/flink-job-server/1.2/flink-job-server-1.2.jar")


def test_a_component_may_differ() -> None:
    settings = _beam(parallelism=2).model_copy(
        update={
            "components": {
                "ExampleGen": ComponentSettings(parallelism=16, arguments=("--streaming=",)),
                "Evaluator": ComponentSettings(engine="local"),
            }
        }
    )
    assert flags(settings, "Evaluator") == []
    assert "--parallelism=2" in flags(settings, "Transform")
    assert {"--parallelism=16", "--streaming="} <= set(flags(settings, "ExampleGen"))


@pytest.mark.parametrize(
    "more", [{}, {"environment": "loopback"}, {"setup_file": Path("setup.py")}]
)
def test_tfx_packs_nothing_for_workers(more: dict[str, Any]) -> None:
    asked = flags(_beam(**more), "Transform")
    # What TFX puts every component's flags through; it would add the package that it had built.
    assert dependency_utils.make_beam_dependency_flags(asked) == asked
