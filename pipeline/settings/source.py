"""The section `[source]` of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

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
    split: Literal["time", "hash"] | None = Field(
        None,
        description="folder: time: the newest span is for evaluation; hash: a hash of each row "
        "decides; default: hash for one file without digits in its name and without time_column, "
        "otherwise time",
    )
    split_keys: tuple[str, ...] = Field(
        (),
        description="folder: with the hash split, the columns to hash, such as a customer's id, so "
        "that rows with equal keys are in one split; default: the whole row",
    )
    eval_fraction: float = Field(
        0.2, gt=0, lt=1, description="folder: with the hash split, the fraction to evaluate on"
    )
    span: int | None = Field(None, description="the span to evaluate on; default: the newest")
    window: int = Field(3, ge=1, description="the number of earlier spans to train on")
    serving_logs: Path | None = Field(
        None, description="TFRecords of TensorFlow Serving's PredictionLog, to detect skew"
    )

    @model_validator(mode="after")
    def _one_split(self) -> SourceSettings:
        if self.split == "hash" and self.time_column is not None:
            raise ValueError('split = "hash" and time_column exclude each other')
        if self.split_keys and (self.split == "time" or self.time_column is not None):
            raise ValueError('split_keys requires split = "hash" and no time_column')
        return self
