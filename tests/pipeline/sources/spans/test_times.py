"""Times of many forms, cut into spans in a time zone."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sources.spans.times import PERIODS, Times

MOMENT = datetime.datetime(2024, 12, 31, 15, 30, 7, tzinfo=datetime.timezone.utc)
SECONDS = int(MOMENT.timestamp())


def _create(database: duckdb.DuckDBPyConnection, values: object) -> None:
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        pq.write_table(pa.table({"at": values}), file.name)
        database.execute(f"CREATE TABLE rows AS FROM read_parquet('{file.name}')")


def _span(
    values: object, period: str, zone: str = "UTC", form: str | None = None
) -> list[int | None]:
    return _spans(values, [period], zone, form)[period]


def _spans(
    values: object, periods: Sequence[str] = PERIODS, zone: str = "UTC", form: str | None = None
) -> dict[str, list[int | None]]:
    database = duckdb.connect()
    database.execute(f"SET TimeZone = '{zone}'")
    _create(database, values)
    [(_, kind, *_)] = database.execute("DESCRIBE rows").fetchall()
    times = Times("at", kind, form)
    columns = database.execute(f"SELECT {', '.join(map(times.span, periods))} FROM rows").fetchall()
    return dict(zip(periods, map(list, zip(*columns))))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu"])
def test_spans_are_those_of_the_calendar_of_the_time_zone(zone: str) -> None:
    moments = [MOMENT + datetime.timedelta(hours=7 * number) for number in range(60)]
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    expected = {
        "year": [at.year for at in local],
        "quarter": [at.year * 10 + (at.month + 2) // 3 for at in local],
        "month": [int(f"{at:%Y%m}") for at in local],
        "week": [at.isocalendar()[0] * 1000 + at.isocalendar()[1] for at in local],
        "day": [int(f"{at:%Y%m%d}") for at in local],
        "hour": [int(f"{at:%Y%m%d%H}") for at in local],
    }
    assert set(expected) == set(PERIODS)
    seconds = [int(moment.timestamp()) for moment in moments]
    for spans in expected.values():
        assert spans == sorted(spans)
        assert max(spans) < 2**31
    for values in (
        [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in moments],
        [f"{moment:%Y-%m-%d %H:%M:%S+00:00}" for moment in moments],
        [f"{at:%Y-%m-%d %H:%M:%S}" for at in local],
        [f"{at:%Y%m%d%H%M%S}" for at in local],
        [str(second) for second in seconds],
        [f"{second}.25" for second in seconds],
        [second * 1000 for second in seconds],
        [float(second) for second in seconds],
        [second * 10**6 for second in seconds],
        [second * 10**9 for second in seconds],
        pa.array(moments, pa.timestamp("us", "UTC")),
        pa.array([at.replace(tzinfo=None) for at in local], pa.timestamp("ns")),
        pa.array([at.replace(tzinfo=None) for at in local], pa.timestamp("s")),
    ):
        assert _spans(values, zone=zone) == expected, values[0]


@pytest.mark.parametrize(
    ("value", "periods"),
    [
        ("2024", ["year"]),
        (2024, ["year"]),
        (2024.0, ["year"]),
        ("202412", ["year", "quarter", "month"]),
        (202412, ["year", "quarter", "month"]),
        ("2024-12", ["year", "quarter", "month"]),
        ("2024/12", ["year", "quarter", "month"]),
        ("20241231", ["year", "quarter", "month", "week", "day"]),
        (20241231, ["year", "quarter", "month", "week", "day"]),
        ("2024-12-31", ["year", "quarter", "month", "week", "day"]),
        ("2024/12/31", ["year", "quarter", "month", "week", "day"]),
        (datetime.date(2024, 12, 31), ["year", "quarter", "month", "week", "day"]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York"])
def test_a_date_has_no_spans_that_are_finer_than_itself(
    value: object, periods: list[str], zone: str
) -> None:
    spans = {"year": 2024, "quarter": 20244, "month": 202412, "week": 2025001, "day": 20241231}
    assert _spans([value], zone=zone) == {
        period: [spans[period] if period in periods else None] for period in PERIODS
    }


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "soon", "now", "today", "epoch", "infinity", "-1", "7", "45306", "240115",
        "15/01/2024",
        "1/2/2024", "15.01.2024", "24-01-15", "0024-01-15", "12024-01-15", "2024-01-15 (BC)",
        "2024-13", "2024-02-30", "20240230", "2024-00-01", "2024-01-15 25:00",
        "2024-01-15 10:00 PM",
        "Jan 15 2024", "2024_01", "2024011510", "202401151030", "0x10", "1e9", "nan", "１２",
        "99999999999999999999",
    ],
)  # fmt: skip
def test_a_value_that_is_no_time_or_several_has_no_span(value: str) -> None:
    assert _span([value], "year") == [None]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("15/01/2024", "%d/%m/%Y"),
        ("01/02/2024", "%m/%d/%Y"),
        ("1.2.24", "%d.%m.%y"),
        ("1.2.69", "%d.%m.%y"),
        ("Jan 15 2024", "%b %d %Y"),
        ("15-January-2024 03:04 PM", "%d-%B-%Y %I:%M %p"),
        ("2024011510", "%Y%m%d%H"),
        ("2024-01-15 23:30 -0500", "%Y-%m-%d %H:%M %z"),
    ],
)
def test_a_format_is_read_as_pandas_reads_it(value: str, form: str) -> None:
    expected = pd.to_datetime([value], format=form)[0]
    expected = expected.tz_convert("Asia/Seoul") if expected.tzinfo else expected
    assert _span([value], "hour", "Asia/Seoul", form) == [int(f"{expected:%Y%m%d%H}")]


@pytest.mark.parametrize(
    ("value", "form"),
    [("15/13/2024", "%d/%m/%Y"), ("2024-01-15", "%d/%m/%Y"), ("", "%d"), ("soon", "s")],
)
def test_a_value_of_another_format_has_no_span(value: str, form: str) -> None:
    assert _span([value], "day", form=form) == [None]


@pytest.mark.parametrize(
    ("value", "form", "day"),
    [
        (SECONDS, "s", 20241231),
        ("2024011510", "s", 20340220),
        (202401151030, "ms", 19760531),
        (-86400, "s", 19691231),
        (1735659007000001, "us", 20241231),
        ("1735659007000000001", "ns", 20241231),
        (0.5, "s", 19700101),
    ],
)
def test_a_unit_reads_every_number(value: object, form: str, day: int) -> None:
    assert _span([value], "day", form=form) == [day]


@pytest.mark.parametrize(
    ("values", "formats"),
    [
        (["15/01/2024", "01/02/2024"], ["%d/%m/%Y"]),
        (["05/01/2024"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["soon"], []),
    ],
)
def test_the_formats_that_fit_every_value_are_listed(values: list[str], formats: list[str]) -> None:
    database = duckdb.connect()
    _create(database, values)
    sql = f"SELECT {Times('at', 'VARCHAR').formats()} FROM rows"
    assert database.execute(sql).fetchall() == [(formats,)]
