"""The section `[beam]` of a settings file: which engine does Beam's work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from pipeline.settings.base import Frozen
from pipeline.settings.engines import CLUSTERS, COMPONENTS, ClusterName, Component, Engine

_HOST_AND_PORT = r"^[\w.-]+:\d{1,5}$"


def _host_and_port(value: str) -> str:
    if not re.match(_HOST_AND_PORT, value):
        raise ValueError("expected host:port")
    return value


_Address = Annotated[
    str,
    AfterValidator(_host_and_port),
    WithJsonSchema({"type": "string", "pattern": _HOST_AND_PORT}),
]

# Every user of a machine can read Java's properties, so they must hold no secret.
_SECRET = re.compile(r"secret|password|token|credential", re.IGNORECASE)
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")

# Flags that follow from other settings, that state where TFX's components write, or that would end
# a component before its work is done.
_RESERVED = frozenset(
    {
        "runner", "job_name", "job_endpoint", "parallelism", "environment_type",
        "environment_config", "sdk_container_image", "worker_harness_container_image",
        "setup_file", "artifacts_dir", "flink_master", "flink_version", "flink_job_server_jar",
        "flink_submit_uber_jar", "spark_master_url", "spark_version", "spark_job_server_jar",
        "spark_submit_uber_jar", "spark_rest_url", "no_wait_until_finish",
        "output_executable_path",
    }
)  # fmt: skip


def _flag(argument: str) -> str:
    match = re.fullmatch(r"--(\w+)(=.*)?", argument, re.DOTALL)
    if match is None:
        raise ValueError(f"expected --name or --name=value, got {argument!r}")
    # Beam's parser accepts the beginning of a name as the name.
    if any(name.startswith(match[1]) for name in _RESERVED):
        raise ValueError(f"--{match[1]} follows from the settings; remove it")
    return argument


_Flag = Annotated[str, AfterValidator(_flag)]


class ComponentSettings(Frozen):
    """Settings of one component's Beam work that differ from the other components."""

    engine: Engine | None = Field(None, description="engine of the component; default beam.engine")
    parallelism: int | None = Field(
        None, ge=1, description="parallelism of the component; default that of the engine"
    )
    arguments: tuple[_Flag, ...] = Field(
        (), description="flags for Beam's pipeline options, after those of the engine"
    )

    @model_validator(mode="after")
    def _fits(self) -> ComponentSettings:
        if self.engine == "local" and (self.parallelism or self.arguments):
            raise ValueError('parallelism and arguments need an engine other than "local"')
        return self


class ClusterSettings(Frozen):
    """Settings that every kind of cluster has."""

    master: _Address | None = None
    parallelism: int | None = Field(
        None, ge=1, description="parts of the work done at once; default all slots or cores"
    )
    job_server: str | None = Field(
        None,
        description="jar that submits jobs to the cluster: a file, or group:artifact:version in "
        "Maven Central; default the one that Beam publishes",
    )
    job_endpoint: _Address | None = Field(
        None,
        description="host:port of a running job server; by default a run starts a job server, "
        "which needs Java",
    )
    worker_pool: _Address = Field(
        "localhost:50000",
        description="host:port of the pool that starts Python workers, as every worker machine "
        "resolves it",
    )
    setup_file: Path | None = Field(
        None,
        description="setup.py of the package that workers install when they start; for a pool "
        "of Beam's own containers, which do not have this project's code",
    )
    staging: Path | None = Field(
        None,
        description="folder for the packages that workers install, shared by all machines; with "
        "setup_file and more than one machine",
    )
    arguments: tuple[_Flag, ...] = Field((), description="more flags for Beam's pipeline options")

    @model_validator(mode="after")
    def _fits(self) -> ClusterSettings:
        if self.job_server and self.job_endpoint:
            raise ValueError("job_server and job_endpoint exclude each other")
        if self.staging and self.job_endpoint:
            raise ValueError("staging is a setting of the running job server; remove it")
        return self


class FlinkSettings(ClusterSettings):
    """Address of a Flink cluster and of its Python workers. For engine = "flink"."""

    master: _Address | None = Field(None, description="host:port of the JobManager's REST API")


class SparkSettings(ClusterSettings):
    """Address of a standalone Spark 3.5 and of its Python workers. For engine = "spark"."""

    master: _Address | None = Field(None, description="host:port of the master, as in spark://…")
    web_ui: _Address | None = Field(
        None,
        description="host:port of the master's web page; with it, a run first checks that there "
        "are enough cores",
    )
    conf: dict[Annotated[str, Field(pattern=r"^spark\.[\w.-]+$")], str] = Field(
        {}, description='Spark configuration: { "spark.executor.memory" = "4g" }'
    )

    @field_validator("conf")
    @classmethod
    def _check_conf(cls, conf: dict[str, str]) -> dict[str, str]:
        for key in conf:
            if _SECRET.search(key):
                raise ValueError(f"{key} is a secret, and every user of the machine could read it")
            if key == "spark.cores.max":
                raise ValueError(f"{key} is set by beam.spark.parallelism; remove it")
        return conf

    @model_validator(mode="after")
    def _conf_reaches_spark(self) -> SparkSettings:
        for name in ("parallelism", "conf"):
            if self.job_endpoint and getattr(self, name):
                raise ValueError(f"{name} is a setting of the running job server; remove it")
        return self


class BeamSettings(Frozen):
    """Engines of the Beam work of ExampleGen, StatisticsGen, Transform and Evaluator.

    Every engine computes the same result.
    """

    engine: Engine = Field(
        "local",
        description="local: this process; flink, spark: the cluster of [beam.flink] or "
        "[beam.spark]",
    )
    shard_mb: Annotated[float, Field(ge=0.01, le=2048)] = Field(
        128.0,
        description="MB of uncompressed data in a file of examples; a worker reads one file at a "
        "time, and keeps it in memory while it is shuffled",
    )
    components: dict[Component, ComponentSettings] = Field(
        {}, description='settings of single components: { Evaluator = { engine = "local" } }'
    )
    flink: FlinkSettings = FlinkSettings()
    spark: SparkSettings = SparkSettings()

    @model_validator(mode="after")
    def _components_reach_spark(self) -> BeamSettings:
        for name, own in self.components.items():
            if self.spark.job_endpoint and own.parallelism and self.engine_of(name) == "spark":
                key = f"components.{name}.parallelism"
                raise ValueError(f"{key} is a setting of the running job server; remove it")
        return self

    def engine_of(self, component: Component) -> Engine:
        """Return the engine of a component.

        Args:
          component: TFX node id of the component.
        """
        own = self.components.get(component)
        return (own and own.engine) or self.engine

    @property
    def engines(self) -> dict[Component, Engine]:
        """Engine of every component."""
        return {component: self.engine_of(component) for component in COMPONENTS}

    def all_on(self, engine: Engine) -> BeamSettings:
        """Return the settings with one engine for all components.

        Args:
          engine: name of the engine.

        Raises:
          ValidationError: a component has settings that the engine does not support.
        """
        fields = self.model_dump()
        for component in fields["components"].values():
            component["engine"] = None
        return BeamSettings.model_validate({**fields, "engine": engine})

    def cluster(self, name: ClusterName) -> ClusterSettings:
        """Return the settings of a cluster.

        Args:
          name: name of the cluster.
        """
        cluster: ClusterSettings = getattr(self, name)
        return cluster

    def parallelism_of(self, component: Component) -> int | None:
        """Return the parallelism of a component; None for all slots or cores of its engine.

        Args:
          component: TFX node id of the component.
        """
        own, engine = self.components.get(component), self.engine_of(component)
        if own and own.parallelism:
            return own.parallelism
        return None if engine == "local" else self.cluster(engine).parallelism

    def arguments_of(self, component: Component) -> tuple[str, ...]:
        """Return the user's flags for a component's work on a cluster.

        Args:
          component: TFX node id of the component.
        """
        own, engine = self.components.get(component), self.engine_of(component)
        shared = () if engine == "local" else self.cluster(engine).arguments
        return (*shared, *(own.arguments if own else ()))


def is_coordinate(job_server: str) -> bool:
    """Return whether a job server is a group:artifact:version of Maven Central, not a file.

    Args:
      job_server: value of the setting.
    """
    return _COORDINATE.fullmatch(job_server) is not None


def resolve_paths(settings: BeamSettings, base: Path) -> BeamSettings:
    """Return settings whose paths are absolute.

    Args:
      settings: settings as the file states them.
      base: folder that relative paths start from.
    """
    return settings.model_copy(
        update={name: _resolve_paths(settings.cluster(name), base) for name in CLUSTERS}
    )


def _resolve_paths(cluster: ClusterSettings, base: Path) -> ClusterSettings:
    update: dict[str, Any] = {
        name: base / path.expanduser()
        for name in ("setup_file", "staging")
        if (path := getattr(cluster, name)) is not None
    }
    if cluster.job_server and not is_coordinate(cluster.job_server):
        update["job_server"] = str(base / Path(cluster.job_server).expanduser())
    return cluster.model_copy(update=update)
