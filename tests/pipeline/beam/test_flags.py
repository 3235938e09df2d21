"""The flags of Beam and the options of job servers that follow from the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import (
    DebugOptions,
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
)
from apache_beam.runners.portability.stager import Stager
from tfx.utils import dependency_utils

from pipeline.beam import configured_clusters
from pipeline.beam.flags import flags
from pipeline.errors import InfrastructureError
from pipeline.settings.beam import BeamSettings, ComponentSettings
from pipeline.settings.engines import CLUSTERS, ClusterName, Component
from tests.pipeline.beam.servers import OVERVIEW, answering

_COMPONENTS = {
    "ExampleGen": ComponentSettings(parallelism=16, arguments=("--streaming",)),
    "Evaluator": ComponentSettings(engine="local"),
}


def _beam(name: ClusterName, **values: Any) -> BeamSettings:
    settings = {"master": "localhost:1", "parallelism": 2, **values}
    return BeamSettings.model_validate({"engine": name, name: settings, "components": _COMPONENTS})


def _flags(beam: BeamSettings, component: Component = "Transform") -> list[str]:
    cluster = configured_clusters.create(beam, beam.engine_of(component))
    assert cluster is not None
    return flags(beam, cluster, component, "localhost:7", "flights-Transform-1")


def _java(beam: BeamSettings, component: Component = "Transform") -> list[str]:
    cluster = configured_clusters.create(beam, beam.engine_of(component))
    assert cluster is not None
    return cluster.java_options(component)


def test_the_local_engine_has_no_cluster() -> None:
    assert configured_clusters.create(BeamSettings(), "local") is None
    assert configured_clusters.in_use(BeamSettings()) == []
    assert [cluster.name for cluster in configured_clusters.in_use(_beam("spark"))] == ["spark"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_settings_that_clusters_share_are_passed_to_beam(name: ClusterName) -> None:
    options = PipelineOptions(_flags(_beam(name, setup_file=Path("/taxiway/setup.py"))))
    portable = options.view_as(PortableOptions)
    assert options.view_as(StandardOptions).runner == "PortableRunner"
    assert portable.job_endpoint == "localhost:7"
    assert options.get_all_options()["job_name"] == "flights-Transform-1"
    assert options.view_as(SetupOptions).setup_file == "/taxiway/setup.py"


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize(
    ("settings", "pool"), [({}, "localhost:50000"), ({"worker_pool": "10.0.0.7:1"}, "10.0.0.7:1")]
)
def test_python_runs_in_the_worker_pool_of_the_settings(
    name: ClusterName, settings: dict[str, Any], pool: str
) -> None:
    options = PipelineOptions(_flags(_beam(name, **settings)))
    portable = options.view_as(PortableOptions)
    assert (portable.environment_type, portable.environment_config) == ("EXTERNAL", pool)
    assert portable.environment_cache_millis == "60000", (
        "a worker waits for the next stage of its job"
    )
    lookup = options.view_as(DebugOptions).lookup_experiment
    assert lookup("disable_logging_submission_environment")


def test_a_component_may_differ() -> None:
    options = PipelineOptions(_flags(_beam("flink")))
    assert options.view_as(FlinkRunnerOptions).parallelism == 2
    assert {"--parallelism=16", "--streaming"} <= set(_flags(_beam("flink"), "ExampleGen"))
    assert configured_clusters.create(_beam("flink"), _beam("flink").engine_of("Evaluator")) is None


def test_a_job_on_flink_takes_all_slots_by_default() -> None:
    with answering(json.dumps(OVERVIEW | {"slots-total": 7}).encode()) as address:
        flink_flags = _flags(_beam("flink", master=address, parallelism=None))
    assert PipelineOptions(flink_flags).view_as(FlinkRunnerOptions).parallelism == 7


def test_a_job_on_spark_takes_all_cores_by_default() -> None:
    beam = _beam("spark", parallelism=None)
    assert not [option for option in _java(beam) if "cores" in option]
    assert not [flag for flag in _flags(beam) if "parallelism" in flag]


def test_flags_of_the_user_come_last() -> None:
    flink_flags = _flags(_beam("flink", arguments=("--max_parallelism=64",)), "ExampleGen")
    assert flink_flags[-2:] == ["--max_parallelism=64", "--streaming"]


def test_sparks_driver_starts_with_its_configuration() -> None:
    beam = _beam("spark", conf={"spark.executor.memory": "4g", "spark.ui.enabled": "true"})
    java = _java(beam)
    assert {"-Dspark.cores.max=2", "-Dspark.executor.memory=4g"} <= set(java)
    assert "-Dspark.ui.enabled=true" in java
    assert "-Dspark.cores.max=16" in _java(beam, "ExampleGen")


def test_sparks_driver_has_the_local_address_and_no_page() -> None:
    java = _java(_beam("spark", master="127.0.0.2:7077"))
    assert "-Dspark.ui.enabled=false" in java
    assert {f"-Dspark.driver.{name}=127.0.0.1" for name in ("host", "bindAddress")} <= set(java)
    other = _java(_beam("spark", conf={"spark.driver.host": "10.0.0.5"}))
    assert "-Dspark.driver.host=10.0.0.5" in other


def test_an_unresolvable_master_is_an_error() -> None:
    with pytest.raises(InfrastructureError, match=r"beam\.spark\.master: nothing answers at "):
        _java(_beam("spark", master="a..b:1"))


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize("settings", [{}, {"setup_file": Path("setup.py")}])
def test_tfx_packs_nothing_for_workers(name: ClusterName, settings: dict[str, Any]) -> None:
    beam_flags = _flags(_beam(name, **settings))
    # TFX passes every component's flags through this function; it adds a package if it builds one.
    assert dependency_utils.make_beam_dependency_flags(beam_flags) == beam_flags


@pytest.mark.parametrize("name", CLUSTERS)
def test_workers_download_nothing_by_default(name: ClusterName, tmp_path: Path) -> None:
    """The machines of a cluster then share no folder but the workspace."""
    options = PipelineOptions(_flags(_beam(name)))
    assert Stager.create_job_resources(options, str(tmp_path)) == []
