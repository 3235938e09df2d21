"""The section `[publish]` of a settings file."""

from __future__ import annotations

from pydantic import Field

from pipeline.settings.base import Frozen


class PublishSettings(Frozen):
    """What happens to a blessed model."""

    promote: bool = Field(
        True,
        description="whether a new version becomes `stable` at once; "
        "if not, run `taxiway registry promote`",
    )
    base_path: str | None = Field(
        None,
        description="the model's folder as TensorFlow Serving sees it, where it differs: "
        "/models/flights",
    )
    settle_seconds: float = Field(
        20.0,
        ge=0,
        description="the seconds that TensorFlow Serving may take to read models.config and load "
        "a version; a label moves only to a version that has been listed that long",
    )
    keep: int = Field(
        3, ge=1, description="the number of newest versions and runs that `registry gc` keeps"
    )
