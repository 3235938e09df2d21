"""The section `[infra]` of a settings file."""

from __future__ import annotations

from pydantic import Field

from pipeline.settings.base import Frozen


class InfraSettings(Frozen):
    """The limits of a model that is served."""

    rows: int = Field(
        1000, ge=1, description="the number of real rows that every signature must answer"
    )
    max_load_seconds: float = Field(60.0, gt=0, description="the maximum time to load the model")
    max_memory_mb: int = Field(
        2000, ge=1, description="the maximum memory that loading and calling the model adds"
    )
    max_latency_ms: float = Field(
        250.0, gt=0, description="the maximum latency of a request with one row, for 99 in 100"
    )
    timeout_seconds: float = Field(300.0, gt=0, description="the maximum time of the whole check")
    docker_image: str | None = Field(
        None,
        pattern=r"^[a-z0-9][\w./:@-]*$",
        description="an image to serve the model with too, where a Docker engine runs: "
        "tensorflow/serving:2.19.1",
    )
