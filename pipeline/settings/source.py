"""The section `[source]` of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.settings.base import Frozen


class SourceSettings(Frozen):
    """Where rows come from, and which spans a run uses."""

    kind: Literal["flights", "folder"] = Field(
        "flights", description="flights: the embedded data set; folder: your CSV or Parquet files"
    )
    path: Path | None = Field(None, description="folder: the folder of the files")
    time_column: str | None = Field(
        None,
        description="folder: the column that states when a row happened "
        "(timestamp, date, or seconds or milliseconds since 1970); "
        "without it the digits in each file's name are its span",
    )
    period: Literal["day", "month", "year"] = Field(
        "month", description="folder: the length of one span, with time_column"
    )
    span: int | None = Field(None, description="the span to evaluate on; default: the newest")
    window: int = Field(3, ge=1, description="the number of earlier spans to train on")
    serving_logs: Path | None = Field(
        None, description="TFRecords of TensorFlow Serving's PredictionLog, to detect skew"
    )
