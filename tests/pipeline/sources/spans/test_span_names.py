"""The spans of files by the dates and numbers in their names."""

from __future__ import annotations

import re

import pytest

from pipeline.errors import UsageError
from pipeline.sources.spans.span_names import refuse_copies, spans


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # Months without a leading zero, in several spellings.
        (
            ["rides-2023-10.csv", "rides-2023-12.csv", "rides-2024-1.csv"],
            [202310, 202312, 202401],
        ),
        (["2024_3.csv", "2024_10.csv"], [202403, 202410]),
        (["rides.2023.12.csv", "rides.2024.1.csv"], [202312, 202401]),
        (["rides-202312.csv", "rides-2024-01.csv"], [202312, 202401]),
        (["01-2024.csv", "12-2023.csv"], [202401, 202312]),
        (["012024.csv", "122023.csv"], [202401, 202312]),
        (["jan-2024.csv", "2023-Dec.csv", "January_2023.csv"], [202401, 202312, 202301]),
        (["2024년1월.csv", "2023년 12월.csv"], [202401, 202312]),
        (["sales-２０２４-０１.csv", "sales-２０２３-１２.csv"], [202401, 202312]),
        # Days.
        (["20240115.csv", "2024-01-16.csv", "2024_1_7.csv"], [20240115, 20240116, 20240107]),
        (["15-01-2024.csv", "31.12.2023.csv"], [20240115, 20231231]),
        (["01-15-2024.csv", "12-31-2023.csv"], [20240115, 20231231]),
        (["15012024.csv", "31122023.csv"], [20240115, 20231231]),
        (["05-05-2024.csv", "15-05-2024.csv"], [20240505, 20240515]),
        (["15-Jan-2024.csv", "2024-feb-1.csv"], [20240115, 20240201]),
        (["2024년 1월 5일.csv", "2024년 10월 5일.csv"], [20240105, 20241005]),
        # Hours.
        (["20240115T103000.csv", "2024-01-15T11.csv"], [2024011510, 2024011511]),
        (["20240115_103000.csv", "2024-01-15_11-30-00.csv"], [2024011510, 2024011511]),
        (["2024011509.csv", "2024011510.csv"], [2024011509, 2024011510]),
        # Weeks, quarters and years.
        (["2024-W05.csv", "2024w6.csv", "KW52-2023.csv"], [2024005, 2024006, 2023052]),
        (["2024Q1.csv", "2023-q4.csv", "Q3 2023.csv", "2Q2023.csv"], [20241, 20234, 20233, 20232]),
        (["2024년 1분기.csv", "2023년 4분기.csv"], [20241, 20234]),
        (["rides2023.csv", "rides2024.csv"], [2023, 2024]),
        # Versions, parts, exports and folders.
        (["v2-2024-01.csv", "v10-2024-02.csv"], [202401, 202402]),
        (["v2-01-2024.csv", "v2-12-2023.csv"], [202401, 202312]),
        (["v2-Feb-2024.csv", "store_3_Jan-2024.csv"], [202402, 202401]),
        (["202401-part1.csv", "202401-part2.csv", "202402.csv"], [202401, 202401, 202402]),
        (["store12_2024.csv", "store3_2024.csv"], [2024, 2024]),
        (
            ["2024-01_export-2024-05-01.csv", "2024-02_export-2024-05-01.csv"],
            [202401, 202402],
        ),
        (["2023/12.csv", "2024/1.csv"], [202312, 202401]),
        (["2023-12/part-0.csv", "2024-01/part-0.csv"], [202312, 202401]),
        (["year=2023/month=12/part-0.csv", "year=2024/month=1/part-0.csv"], [202312, 202401]),
        (["rides-202401 (1).csv", "rides-202402.csv"], [202401, 202402]),
        # Plain numbers.
        (["part-1.csv", "part-2.csv", "part-10.csv"], [1, 2, 10]),
        (["rides-10.csv", "rides-9.csv"], [10, 9]),
        (["v2-1.csv", "v2-2.csv"], [1, 2]),
        (["rides (1).csv", "rides (2).csv"], [1, 2]),
        (["1704067200.csv", "1706745600.csv"], [1704067200, 1706745600]),
        (["1.CSV", "2.csv.gz", "3.jsonl"], [1, 2, 3]),
    ],
)
def test_the_order_of_spans_is_the_order_of_time(names: list[str], expected: list[int]) -> None:
    assert spans(names) == dict(zip(names, expected))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["05-01-2024.csv", "15-01-2024.csv"], "05-01-2024.csv: .* 2024-01-05 or 2024-05-01"),
        (["01022024.csv", "15022024.csv"], "01022024.csv: .* 2024-01-02 or 2024-02-01"),
        (["2024-13.csv", "2024-12.csv"], "2024-13.csv: expected a month"),
        (["2024-02-30.csv", "2024-02-29.csv"], "2024-02-30.csv: expected a date"),
        (["2024-W54.csv", "2024-W01.csv"], "2024-W54.csv: expected an ISO week"),
        (["202413.csv", "202412.csv"], "the number of 202413.csv and the month of 202412.csv"),
        (["a-202401.csv", "a-20240201.csv"], "the month of a-202401.csv and the day of a-20240201"),
        (["a-2023.csv", "a-202401.csv"], "the year of a-2023.csv and the month of a-202401.csv"),
        (["a-20241.csv", "a-202312.csv"], "the number of a-20241.csv and the month of a-202312"),
        (["2024Q1.csv", "2023-12.csv"], "the quarter of 2024Q1.csv and the month of 2023-12.csv"),
        (["a-1.csv", "a-202402.csv"], "the number of a-1.csv and the month of a-202402.csv"),
        (["2024H1.csv", "2024H2.csv"], "2024H1.csv, 2024H2.csv: .* the year 2024 and a number"),
        (["2024-015.csv", "2024-016.csv"], "2024-015.csv, 2024-016.csv: .* the year 2024"),
        (["2024-01-01_2024-01-31.csv", "2024-02-01_2024-02-29.csv"], "expected one date"),
        (["a-1-2.csv", "a-2-1.csv"], "one number that differs, got a-1-2.csv and a-2-1.csv"),
        (["a-1.csv", "a-1-2.csv"], "one number, got a-1.csv and a-1-2.csv"),
        (["a-1.csv", "a-01.csv"], "two files with the span 1"),
        (["12345678901234567890.csv", "1.csv"], "fewer digits, got 12345678901234567890"),
        (["sales.csv", "sales-1.csv"], "sales.csv: no digits in its name"),
        (["sales.csv", "sales-2024.csv"], "sales.csv: no digits in its name"),
    ],
)
def test_a_name_that_is_read_in_two_ways_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        spans(names)
    assert re.search(message, refused.value.what)
    assert "source.time_column" in (refused.value.next_step or "")


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        ("rides-202401 (1).csv", "rides-202401.csv"),
        ("rides-202401(2).csv", "rides-202401.csv"),
        ("a/rides - Copy.parquet", "a/rides.parquet"),
        ("rides copy 2.csv", "rides.csv"),
        ("rides_copy.csv", "rides.csv.gz"),
        ("rides - 복사본.csv", "rides.csv"),
    ],
)
def test_a_copy_beside_its_original_is_refused(copy: str, original: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"{copy}: by its name a copy of {original}")):
        refuse_copies([copy, original])
    refuse_copies([copy])
    refuse_copies([original])
