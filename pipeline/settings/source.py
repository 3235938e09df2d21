"""The section `[source]` of a settings file."""

from __future__ import annotations

import codecs
import difflib
import zoneinfo
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline.settings.base import Frozen


class SourceSettings(Frozen):
    """Where rows come from, and which spans a run uses."""

    kind: Literal["flights", "folder"] = Field(
        "flights", description="flights: the embedded data set; folder: your files"
    )
    path: Path | None = Field(None, description="folder: the folder of the files, or one file")
    hive: bool = Field(
        False, description="folder: whether folders such as city=Seoul are columns of text"
    )
    time_column: str | None = Field(
        None,
        description="folder: the column that states when a row happened "
        "(timestamp, date, year, or seconds, ms, us or ns since 1970); "
        "without it the date or number in each file's name is its span",
    )
    time_format: str | None = Field(
        None,
        description="folder: the form of time_column, as in strptime (%d/%m/%Y), or s, ms, us or "
        "ns for numbers since 1970; default: ISO dates and timestamps, and numbers",
    )
    time_zone: str = Field(
        "UTC",
        description="folder: the IANA time zone (Asia/Seoul) in which spans begin and end, and "
        "in which times without a zone are read",
    )
    period: Literal["hour", "day", "week", "month", "quarter", "year"] = Field(
        "month",
        description="folder: the length of one span, with time_column; the spans are 2024011510 "
        "(hour), 20240115 (day), 2024003 (ISO week), 202401 (month), 20241 (quarter), 2024 (year)",
    )
    nulls: tuple[str, ...] | None = Field(
        None,
        description="folder: the texts that are missing values, in every column; default: NA, N/A, "
        "NaN, null, None, ? and the others of pandas, in columns of numbers",
    )
    decimal: Literal[".", ","] = Field(
        ".", description="folder: the decimal separator of numbers in text"
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="folder: the separator of CSV cells; default: the comma, semicolon, tab or bar "
        "that is most frequent in a file's header",
    )
    encoding: str = Field(
        "utf-8", description="folder: the encoding of text files, such as cp949, latin-1 or utf-16"
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

    @field_validator("time_zone")
    @classmethod
    def _iana_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            close = difflib.get_close_matches(value, zoneinfo.available_timezones(), n=1)
            hint = f"; did you mean {close[0]}?" if close else ", such as Asia/Seoul"
            raise ValueError(f"expected an IANA time zone{hint}") from None
        return value

    @field_validator("encoding")
    @classmethod
    def _text_encoding(cls, value: str) -> str:
        try:
            codecs.getincrementaldecoder(value)().decode(b"", final=True).encode()
        except (LookupError, ValueError, AttributeError):
            raise ValueError("expected an encoding of Python, such as cp949 or latin-1") from None
        return value

    @model_validator(mode="after")
    def _two_separators(self) -> SourceSettings:
        if self.delimiter == self.decimal == ".":
            raise ValueError("decimal and delimiter are the same character")
        return self

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and (value in '"\r\n\0' or not value.isascii() or value.isalnum()):
            raise ValueError("expected one character, such as ; or a tab")
        return value

    @field_validator("time_format")
    @classmethod
    def _format_of_time(cls, value: str | None) -> str | None:
        if value is not None and value not in ("s", "ms", "us", "ns") and "%" not in value:
            raise ValueError("expected a format of strptime, such as %d/%m/%Y, or s, ms, us or ns")
        return value
