"""The ends of spans, by their numbers."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from pipeline.sources.spans.span_ends import end


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/New_York"])
@pytest.mark.parametrize(
    ("span", "moment"),
    [
        (2023, (2024, 1, 1)),
        (20231, (2023, 4, 1)),
        (20234, (2024, 1, 1)),
        (202402, (2024, 3, 1)),
        (202412, (2025, 1, 1)),
        (2024001, (2024, 1, 8)),
        (2020053, (2021, 1, 4)),
        (20240229, (2024, 3, 1)),
        (20241231, (2025, 1, 1)),
        (2024123123, (2025, 1, 1)),
        (2024011510, (2024, 1, 15, 11)),
    ],
)
def test_a_span_ends_in_the_time_zone(span: int, moment: tuple[int, ...], zone: str) -> None:
    expected = datetime.datetime(*moment, tzinfo=ZoneInfo(zone))  # type: ignore[arg-type, misc]
    assert end(span, zone) == expected.timestamp()


@pytest.mark.parametrize(
    "span", [1, 12, 20245, 20240, 202413, 2024054, 2024105, 20240230, 2024011524, 1704067200]
)
def test_a_number_that_is_no_date_has_no_end(span: int) -> None:
    assert end(span, "UTC") is None
