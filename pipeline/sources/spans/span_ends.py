"""Tell when a span ends, from its number."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo


def end(span: int, time_zone: str) -> float | None:
    """Return the end of a span in seconds since 1970; None if its number is no date.

    Args:
      span: number of the span: a year (2024), a quarter (20241), a month (202401), an ISO week
        (2024005), a day (20240115) or an hour (2024011510).
      time_zone: IANA time zone of the span.
    """
    digits = str(span)
    try:
        moment = _local_end(digits)
    except (ValueError, OverflowError):
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=ZoneInfo(time_zone)).timestamp()


def _local_end(digits: str) -> datetime.datetime | None:
    if len(digits) == 4:
        return _month(int(digits), 13)
    if len(digits) == 5 and digits[4] in "1234":
        return _month(int(digits[:4]), int(digits[4]) * 3 + 1)
    if len(digits) == 6:
        begin = datetime.datetime.strptime(digits, "%Y%m")
        return _month(begin.year, begin.month + 1)
    if len(digits) == 7 and digits[4] == "0":
        monday = datetime.date.fromisocalendar(int(digits[:4]), int(digits[5:]), 1)
        return datetime.datetime.combine(monday, datetime.time()) + datetime.timedelta(weeks=1)
    if len(digits) == 8:
        return datetime.datetime.strptime(digits, "%Y%m%d") + datetime.timedelta(days=1)
    if len(digits) == 10:
        return datetime.datetime.strptime(digits, "%Y%m%d%H") + datetime.timedelta(hours=1)
    return None


def _month(year: int, month: int) -> datetime.datetime:
    """Return the begin of a month; month 13 is in the next year."""
    return datetime.datetime(year + month // 13, (month - 1) % 12 + 1, 1)
