"""Where Beam's work is done: the section `[beam]` of a settings file."""

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
        raise ValueError("host:port expected")
    return value


_Place = Annotated[
    str,
    AfterValidator(_host_and_port),
    WithJsonSchema({"type": "string", "pattern": _HOST_AND_PORT}),
]

# Java's properties are there for every user of a machine to read.
_SECRET = re.compile(r"secret|password|token|credential", re.IGNORECASE)
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")

# What other settings say, what says where TFX's components put things, and what would have a
# component end before its work is done.
_OURS = frozenset(
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
    found = re.fullmatch(r"--(\w+)(=.*)?", argument, re.DOTALL)
    if found is None:
        raise ValueError(f"{argument!r} is not written as --name or --name=value")
    # Beam's parser takes what a name begins with for the name.
    if any(ours.startswith(found[1]) for ours in _OURS):
        raise ValueError(f"--{found[1]} follows from the settings; leave it out")
    return argument


_Flag = Annotated[str, AfterValidator(_flag)]


class ComponentSettings(Frozen):
    """What one component's Beam work has otherwise than the others."""

    engine: Engine | None = Field(None, description="instead of beam.engine")
    parallelism: int | None = Field(None, ge=1, description="instead of the engine's own")
    arguments: tuple[_Flag, ...] = Field((), description="added to those of the engine")

    @model_validator(mode="after")
    def _fits(self) -> ComponentSettings:
        if self.engine == "local" and (self.parallelism or self.arguments):
            raise ValueError('parallelism and arguments are for another engine than "local"')
        return self


class ClusterSettings(Frozen):
    """What is the same for every cluster that Beam hands jobs to."""

    master: _Place | None = None
    parallelism: int | None = Field(
        None, ge=1, description="parts that work is done in at once; all that there are by default"
    )
    job_server: str | None = Field(
        None,
        description="jar that hands jobs to the cluster: a file, or group:artifact:version in "
        "Maven Central; Beam's own by default",
    )
    job_endpoint: _Place | None = Field(
        None,
        description="of a job server that runs already: host:port; by default a run starts one "
        "of its own, which needs Java",
    )
    worker_pool: _Place = Field(
        "localhost:50000",
        description="starts Python on each machine that works; as these machines see it",
    )
    setup_file: Path | None = Field(
        None,
        description="setup.py of what workers install when they start, where the pool is Beam's "
        "own container and does not have this project's code",
    )
    staging: Path | None = Field(
        None,
        description="folder for what workers install, where they see it too; with setup_file "
        "and more than one machine",
    )
    arguments: tuple[_Flag, ...] = Field((), description="further flags of Beam's pipeline options")

    @model_validator(mode="after")
    def _fits(self) -> ClusterSettings:
        if self.job_server and self.job_endpoint:
            raise ValueError("job_server and job_endpoint exclude each other")
        if self.staging and self.job_endpoint:
            raise ValueError("staging is a setting of the job server that runs already")
        return self


class FlinkSettings(ClusterSettings):
    """How a Flink cluster is reached, and what it runs Python with. For engine = "flink"."""

    master: _Place | None = Field(None, description="of the JobManager's REST API: host:port")


class SparkSettings(ClusterSettings):
    """How a standalone Spark 3.5 is reached, and what it runs Python with. For engine = "spark"."""

    master: _Place | None = Field(None, description="of the master: host:port, as in spark://…")
    web_ui: _Place | None = Field(
        None,
        description="of the master's web page: host:port; with it, a run first makes sure that "
        "there are enough cores",
    )
    conf: dict[Annotated[str, Field(pattern=r"^spark\.[\w.-]+$")], str] = Field(
        {}, description='of Spark: { "spark.executor.memory" = "4g" }'
    )

    @field_validator("conf")
    @classmethod
    def _takes(cls, conf: dict[str, str]) -> dict[str, str]:
        for key in conf:
            if _SECRET.search(key):
                raise ValueError(f"{key} is a secret, and would be there for everyone to read")
            if key == "spark.cores.max":
                raise ValueError(f"{key} is beam.spark.parallelism")
        return conf

    @model_validator(mode="after")
    def _conf_reaches_spark(self) -> SparkSettings:
        for name in ("parallelism", "conf"):
            if self.job_endpoint and getattr(self, name):
                raise ValueError(f"{name} is a setting of the job server that runs already")
        return self


class BeamSettings(Frozen):
    """Where the Beam work of ExampleGen, StatisticsGen, Transform and Evaluator is done.

    The results are the same everywhere.
    """

    engine: Engine = Field(
        "local",
        description="local: in this process; flink, spark: on the cluster of [beam.flink] or "
        "[beam.spark]",
    )
    shard_mb: Annotated[float, Field(ge=0.01, le=2048)] = Field(
        128.0,
        description="uncompressed data in a file of examples: what a worker takes at once, and "
        "keeps in memory while it is shuffled",
    )
    components: dict[Component, ComponentSettings] = Field(
        {}, description='what differs by component: { Evaluator = { engine = "local" } }'
    )
    flink: FlinkSettings = FlinkSettings()
    spark: SparkSettings = SparkSettings()

    @model_validator(mode="after")
    def _components_reach_spark(self) -> BeamSettings:
        for name, own in self.components.items():
            if self.spark.job_endpoint and own.parallelism and self.engine_of(name) == "spark":
                where = f"components.{name}.parallelism"
                raise ValueError(f"{where} is a setting of the job server that runs already")
        return self

    def engine_of(self, component: Component) -> Engine:
        """Return where a component's work is done."""
        own = self.components.get(component)
        return (own and own.engine) or self.engine

    @property
    def engines(self) -> dict[Component, Engine]:
        """Where each component's work is done."""
        return {component: self.engine_of(component) for component in COMPONENTS}

    def all_on(self, engine: Engine) -> BeamSettings:
        """Return the settings with all work done in one place.

        Raises:
          ValidationError: a component asks for what that place cannot give.
        """
        said = self.model_dump()
        for own in said["components"].values():
            own["engine"] = None
        return BeamSettings.model_validate({**said, "engine": engine})

    def of_cluster(self, name: ClusterName) -> ClusterSettings:
        """Return how a cluster is reached."""
        found: ClusterSettings = getattr(self, name)
        return found

    def parallelism_of(self, component: Component) -> int | None:
        """Return how many parts a component's work is done in at once; None for all there are."""
        own, engine = self.components.get(component), self.engine_of(component)
        if own and own.parallelism:
            return own.parallelism
        return None if engine == "local" else self.of_cluster(engine).parallelism

    def arguments_of(self, component: Component) -> tuple[str, ...]:
        """Return the user's own flags for a component's work on a cluster."""
        own, engine = self.components.get(component), self.engine_of(component)
        of_cluster = () if engine == "local" else self.of_cluster(engine).arguments
        return (*of_cluster, *(own.arguments if own else ()))


def is_coordinate(job_server: str) -> bool:
    """Return whether a job server is named as group:artifact:version, not as a file."""
    return _COORDINATE.fullmatch(job_server) is not None


def placed(settings: BeamSettings, base: Path) -> BeamSettings:
    """Return settings whose paths are absolute.

    Args:
      settings: as they are written.
      base: the folder that relative paths are from.
    """
    return settings.model_copy(
        update={name: _placed(settings.of_cluster(name), base) for name in CLUSTERS}
    )


def _placed(cluster: ClusterSettings, base: Path) -> ClusterSettings:
    update: dict[str, Any] = {
        name: base / path.expanduser()
        for name in ("setup_file", "staging")
        if (path := getattr(cluster, name)) is not None
    }
    if cluster.job_server and not is_coordinate(cluster.job_server):
        update["job_server"] = str(base / Path(cluster.job_server).expanduser())
    return cluster.model_copy(update=update)
