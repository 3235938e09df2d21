"""How the text of a user's files is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.settings.source import SourceSettings


@dataclass(frozen=True)
class Reading:
    """The settings by which text becomes values.

    Args:
      nulls: texts that are missing values in every column; default None for those of pandas and ?,
        in columns of numbers only.
      decimal: decimal separator; default ".".
      delimiter: separator of CSV cells; default None for the most frequent one in a file's header.
      encoding: encoding of text files, one of Python's; default `utf-8`.
      time_zone: IANA time zone of spans and of times without a zone; default `UTC`.
      time_format: form of the time column; default None, see `spans.times.Times`.
    """

    nulls: tuple[str, ...] | None = None
    decimal: Literal[".", ","] = "."
    delimiter: str | None = None
    encoding: str = "utf-8"
    time_zone: str = "UTC"
    time_format: str | None = None

    @classmethod
    def from_settings(cls, settings: SourceSettings) -> Reading:
        """Return what the settings of a source state.

        Args:
          settings: settings of the source.
        """
        return cls(
            settings.nulls,
            settings.decimal,
            settings.delimiter,
            settings.encoding,
            settings.time_zone,
            settings.time_format,
        )
