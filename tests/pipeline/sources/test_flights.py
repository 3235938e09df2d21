"""The bundled flights have only columns that are available before departure."""

import duckdb
import pytest

from pipeline.sources.layout import Layout

ONLY_AFTER_DEPARTURE = {
    "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum", "flight",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows(flights: Layout) -> duckdb.DuckDBPyRelation:
    return duckdb.sql(f"SELECT * FROM '{flights.base.parent}/spans/*.parquet'")


def test_every_flight_that_arrived_is_a_row(rows: duckdb.DuckDBPyRelation) -> None:
    assert rows.aggregate("count(*)").fetchall() == [(327_346,)]


def test_every_column_is_available_before_departure(rows: duckdb.DuckDBPyRelation) -> None:
    assert not ONLY_AFTER_DEPARTURE & set(rows.columns)


def test_no_single_column_predicts_the_label_as_a_leak_would(
    rows: duckdb.DuckDBPyRelation,
) -> None:
    # dep_delay alone reaches .89 or more.
    numbers = [
        name
        for name, kind in zip(rows.columns, rows.types)
        if str(kind) != "VARCHAR" and name not in ("late", "scheduled_departure", "weather_time")
    ]
    for name in numbers:
        (auc,) = rows.query(
            "rows",
            f"""
            WITH ranked AS (
                SELECT late, rank() OVER (ORDER BY "{name}")
                    + (count(*) OVER (PARTITION BY "{name}") - 1) / 2 AS position
                FROM rows WHERE "{name}" IS NOT NULL
            )
            SELECT (sum(position) FILTER (late = 1) - n1 * (n1 + 1) / 2) / (n1 * (n - n1))
            FROM ranked, (SELECT count(*) AS n, sum(late) AS n1 FROM ranked) GROUP BY n, n1
            """,
        ).fetchall()[0]
        assert 0.25 < float(auc) < 0.75, name


def test_weather_is_at_least_one_and_at_most_seven_hours_old(
    rows: duckdb.DuckDBPyRelation,
) -> None:
    youngest, oldest = rows.aggregate(
        "min(scheduled_departure - weather_time), max(scheduled_departure - weather_time)"
    ).fetchall()[0]
    assert youngest >= 3600
    assert oldest <= 7 * 3600


def test_weather_is_mostly_the_newest_observation(rows: duckdb.DuckDBPyRelation) -> None:
    (share,) = rows.aggregate(
        "avg((scheduled_departure - weather_time < 2 * 3600)::INT)"
    ).fetchall()[0]
    assert share > 0.99


def test_late_means_more_than_a_quarter_of_an_hour(rows: duckdb.DuckDBPyRelation) -> None:
    (rate,) = rows.aggregate("avg(late)").fetchall()[0]
    assert rate == pytest.approx(77_630 / 327_346)
