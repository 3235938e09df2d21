"""Where Beam's work is done: the section `[beam]` of a settings file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.engine.names import COMPONENTS, Component, Engine

_HOST_AND_PORT = r"^[\w.-]+:\d{1,5}$"
_COORDINATE = re.compile(r"[\w.-]+:[\w.-]+:[\w.-]+")

# What other settings say, and what says where TFX's components put things.
_OURS = frozenset(
    {
        "runner", "parallelism", "flink_master", "flink_version", "flink_job_server_jar",
        "flink_submit_uber_jar", "job_endpoint", "environment_type", "environment_config",
        "sdk_container_image", "worker_harness_container_image", "setup_file", "artifacts_dir",
    }
)  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _flag(argument: str) -> str:
    found = re.fullmatch(r"--(\w+)(=.*)?", argument, re.DOTALL)
    if found is None:
        raise ValueError(f"{argument!r} is not written as --name or --name=value")
    if found[1] in _OURS:
        raise ValueError(f"--{found[1]} follows from the settings; leave it out")
    return argument


class ComponentSettings(_Frozen):
    """What one component's Beam work has otherwise than the others."""

    engine: Engine | None = Field(None, description="instead of beam.engine")
    parallelism: int | None = Field(None, ge=1, description="instead of the engine's own")
    arguments: tuple[str, ...] = Field((), description="added to those of the engine")

    @field_validator("arguments")
    @classmethod
    def _flags(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_flag, arguments))


class FlinkSettings(_Frozen):
    """How a Flink cluster is reached, and what it runs Python with. For engine = "flink"."""

    master: str | None = Field(
        None, pattern=_HOST_AND_PORT, description="of the JobManager's REST API: host:port"
    )
    version: str | None = Field(
        None,
        pattern=r"^\d+\.\d+$",
        description="of the cluster, as major.minor; the newest that Beam knows by default",
    )
    parallelism: int | None = Field(
        None, ge=1, description="parts that work is done in at once; the cluster's own by default"
    )
    job_server: str | None = Field(
        None,
        description="jar that hands jobs to Flink: a file, or group:artifact:version in Maven "
        "Central; Beam's own for its version by default",
    )
    job_endpoint: str | None = Field(
        None,
        pattern=_HOST_AND_PORT,
        description="of a job server that runs already: host:port; by default each component "
        "starts one of its own, which needs Java",
    )
    environment: Literal["external", "docker", "loopback"] = Field(
        "external",
        description="where Python runs: external: in worker pools beside the TaskManagers; "
        "docker: in containers that they start; "
        "loopback: in this process, for a cluster on this machine",
    )
    worker_pool: str = Field(
        "localhost:50000",
        pattern=_HOST_AND_PORT,
        description="external: the worker pool, as each TaskManager sees it",
    )
    image: str | None = Field(
        None,
        pattern=r"^[a-z0-9][\w./:@-]*$",
        description="docker: with Beam's worker, Taxiway and this project in it",
    )
    setup_file: Path | None = Field(
        None,
        description="setup.py of what workers install when they start, where their image does "
        "not have this project's code",
    )
    staging: Path | None = Field(
        None,
        description="folder for what workers install, where TaskManagers see it too; with "
        "setup_file and more than one machine",
    )
    arguments: tuple[str, ...] = Field((), description="further flags of Beam's pipeline options")

    @field_validator("arguments")
    @classmethod
    def _flags(cls, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_flag, arguments))

    @model_validator(mode="after")
    def _fits(self) -> FlinkSettings:
        if self.job_server and self.job_endpoint:
            raise ValueError("job_server and job_endpoint exclude each other")
        if self.environment == "docker" and not self.image:
            raise ValueError('environment = "docker" needs an image')
        if self.image and self.environment != "docker":
            raise ValueError('image is for environment = "docker"')
        if self.staging and self.job_endpoint:
            raise ValueError("staging is a setting of the job server that runs already")
        return self


class BeamSettings(_Frozen):
    """Where the Beam work of ExampleGen, StatisticsGen, Transform and Evaluator is done.

    The results are the same everywhere.
    """

    engine: Engine = Field(
        "local", description="local: in this process; flink: on the cluster of [beam.flink]"
    )
    shard_mb: Annotated[float, Field(gt=0)] = Field(
        128.0,
        description="uncompressed data in a file of examples: what a worker takes at once, and "
        "keeps in memory while it is shuffled",
    )
    components: dict[Component, ComponentSettings] = Field(
        {}, description='what differs by component: { Evaluator = { engine = "local" } }'
    )
    flink: FlinkSettings = FlinkSettings()

    def engine_of(self, component: Component) -> Engine:
        """Return where a component's work is done."""
        own = self.components.get(component)
        return (own and own.engine) or self.engine

    @property
    def engines(self) -> dict[Component, Engine]:
        """Where each component's work is done."""
        return {component: self.engine_of(component) for component in COMPONENTS}


def is_coordinate(job_server: str) -> bool:
    """Return whether a job server is named as group:artifact:version, not as a file."""
    return _COORDINATE.fullmatch(job_server) is not None


def placed(settings: BeamSettings, base: Path) -> BeamSettings:
    """Return settings whose paths are absolute.

    Args:
      settings: as they are written.
      base: the folder that relative paths are from.
    """
    flink = settings.flink
    update: dict[str, Any] = {
        name: base / path.expanduser()
        for name in ("setup_file", "staging")
        if (path := getattr(flink, name)) is not None
    }
    if flink.job_server and not is_coordinate(flink.job_server):
        update["job_server"] = str(base / Path(flink.job_server).expanduser())
    return settings.model_copy(update={"flink": flink.model_copy(update=update)})
