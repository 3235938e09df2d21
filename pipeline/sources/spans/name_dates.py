"""Parse the dates in a file's name."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}
_NESTED = ("year", "month", "day", "hour")


@dataclass(frozen=True)
class NameDate:
    """A date in a file's name.

    Args:
      form: `year`, `quarter`, `month`, `week`, `day` or `hour`.
      span: number of the span; later dates of one form have greater numbers.
      text: the date as the name has it.
    """

    form: str
    span: int
    text: str


def parse(text: str) -> list[NameDate]:
    """Return the dates in a text, without those that contain another date of the text.

    Args:
      text: name of a file without its suffix.

    Raises:
      ValueError: a date does not exist, such as 2024-13, or is read in two ways, such as
        05-01-2024.
    """
    rest = text
    dates: list[NameDate] = []
    for pattern, convert in _PATTERNS:
        for match in list(pattern.finditer(rest)):
            if (date := convert(match)) is not None:
                dates.append(NameDate(*date, match.group()))
                # A date is read once; "\0" keeps the positions and joins no digits.
                rest = rest[: match.start()] + "\0" * len(match.group()) + rest[match.end() :]
    return [date for date in dates if not any(_contains(date, other) for other in dates)]


def _contains(one: NameDate, other: NameDate) -> bool:
    nested = other.form in _NESTED and one.form in _NESTED[: _NESTED.index(other.form)]
    return nested and str(other.span).startswith(str(one.span))


def _hour(match: re.Match[str]) -> tuple[str, int] | None:
    if int(match["h"]) > 23:
        return None
    return "hour", _date(match) * 100 + int(match["h"])


def _day(match: re.Match[str]) -> tuple[str, int]:
    return "day", _date(match)


def _compact_day(match: re.Match[str]) -> tuple[str, int] | None:
    try:
        return "day", _date(match)
    except ValueError:
        return None


def _date(match: re.Match[str]) -> int:
    year, month, day = int(match["y"]), int(match["m"]), int(match["d"])
    try:
        datetime.date(year, month, day)
    except ValueError:
        raise ValueError(f"expected a date, got {match.group()}") from None
    return year * 10000 + month * 100 + day


def _day_first(match: re.Match[str]) -> tuple[str, int]:
    year, one, two = int(match["y"]), int(match["a"]), int(match["b"])
    readings: set[int] = set()
    for month, day in ((two, one), (one, two)):
        try:
            datetime.date(year, month, day)
        except ValueError:
            continue
        readings.add(year * 10000 + month * 100 + day)
    if not readings:
        raise ValueError(f"expected a date, got {match.group()}")
    if len(readings) > 1:
        one_way, other = (f"{span // 10000}-{span // 100 % 100:02}-{span % 100:02}"
                          for span in sorted(readings))  # fmt: skip
        raise ValueError(f"{match.group()} is {one_way} or {other}")
    return "day", readings.pop()


def _compact_day_first(match: re.Match[str]) -> tuple[str, int] | None:
    try:
        return _day_first(match)
    except ValueError as error:
        if " is " in str(error):
            raise
        return None


def _named_month(match: re.Match[str]) -> tuple[str, int]:
    month = _MONTHS[match["name"].lower()]
    if match["d"]:
        datetime.date(int(match["y"]), month, int(match["d"]))
        return "day", int(match["y"]) * 10000 + month * 100 + int(match["d"])
    return "month", int(match["y"]) * 100 + month


def _month(match: re.Match[str]) -> tuple[str, int]:
    if not 1 <= int(match["m"]) <= 12:
        raise ValueError(f"expected a month, got {match.group()}")
    return "month", int(match["y"]) * 100 + int(match["m"])


def _compact_month(match: re.Match[str]) -> tuple[str, int] | None:
    return _month(match) if 1 <= int(match["m"]) <= 12 else None


def _week(match: re.Match[str]) -> tuple[str, int]:
    year, week = int(match["y"]), int(match["w"])
    try:
        datetime.date.fromisocalendar(year, week, 1)
    except ValueError:
        raise ValueError(f"expected an ISO week, got {match.group()}") from None
    return "week", year * 1000 + week


def _quarter(match: re.Match[str]) -> tuple[str, int]:
    return "quarter", int(match["y"]) * 10 + int(match["q"])


def _year(match: re.Match[str]) -> tuple[str, int]:
    return "year", int(match["y"])


_Convert = Callable[[re.Match[str]], "tuple[str, int] | None"]

_YEAR = r"(?<![0-9])(?P<y>(?:19|20)[0-9]{2})"
_LAST_YEAR = r"(?P<y>(?:19|20)[0-9]{2})(?![0-9])"
# The number of a version, such as v2, begins no date.
_FIRST = r"(?<![0-9])(?<!v)"
_END = r"(?![0-9])"
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_NAMED = rf"(?<![a-z])(?P<name>{_NAMES})(?![a-z])"
_MINUTES = r"[-:.h]?[0-5][0-9](?:[-:.m]?[0-5][0-9])?"
# A number after the minutes belongs to a second date, not to a time of day.
_CLOCK_END = r"(?![-_.:]?[0-9])"
_WEEK = r"(?:w|wk|week|kw)[-_ ]?"
_TO_MONTH = r"(?:[-_. ]|/(?:month=|mon=|m=?)?|[-_ ]?m(?=[0-9])|\s*[년年]\s*)"
_TO_DAY = r"(?:[-_. ]|/(?:day=|d=?)?|\s*[월月]\s*)"
_SEPARATED = rf"{_YEAR}{_TO_MONTH}(?P<m>[0-9]{{1,2}}){_TO_DAY}(?P<d>[0-9]{{1,2}})"
_COMPACT = rf"{_YEAR}(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})"

# The longest forms come first, because a date is read once.
_PATTERNS: list[tuple[re.Pattern[str], _Convert]] = [
    (re.compile(pattern, re.IGNORECASE), convert)
    for pattern, convert in (
        (rf"{_COMPACT}T?(?P<h>[0-9]{{2}})(?:{_MINUTES})?{_END}", _hour),
        (rf"{_COMPACT}[-_ ](?P<h>[0-9]{{2}}){_MINUTES}{_CLOCK_END}", _hour),
        (rf"{_SEPARATED}T(?P<h>[0-9]{{2}})(?:{_MINUTES})?{_CLOCK_END}", _hour),
        (rf"{_SEPARATED}[-_ ](?P<h>[0-9]{{2}}){_MINUTES}{_CLOCK_END}", _hour),
        (rf"{_SEPARATED}{_END}", _day),
        (rf"{_COMPACT}{_END}", _compact_day),
        (rf"{_FIRST}(?P<a>[0-9]{{1,2}})([-_. /])(?P<b>[0-9]{{1,2}})\2{_LAST_YEAR}", _day_first),
        (rf"(?<![0-9])(?P<a>[0-9]{{2}})(?P<b>[0-9]{{2}}){_LAST_YEAR}", _compact_day_first),
        (rf"{_YEAR}[-_. ]?{_NAMED}[-_. ]?(?P<d>[0-9]{{1,2}})?{_END}", _named_month),
        (rf"{_FIRST}(?P<d>[0-9]{{1,2}})([-_. ]?){_NAMED}\2,?{_LAST_YEAR}", _named_month),
        (rf"(?P<d>){_NAMED}[-_. ,]*{_LAST_YEAR}", _named_month),
        (rf"{_YEAR}[-_. /]?{_WEEK}(?P<w>[0-9]{{1,2}}){_END}", _week),
        (rf"{_YEAR}\s*[년年]?\s*(?P<w>[0-9]{{1,2}})\s*[주週周]", _week),
        (rf"{_WEEK}(?P<w>[0-9]{{1,2}})[-_. ]?{_LAST_YEAR}", _week),
        (rf"{_YEAR}[-_. /]?Q[-_ ]?(?P<q>[1-4]){_END}", _quarter),
        (rf"{_YEAR}\s*[년年]?[-_ ]?(?P<q>[1-4])\s*(?:분기|季度|q(?![a-z]))", _quarter),
        (rf"(?<![a-z])Q(?P<q>[1-4])[-_. ]?{_LAST_YEAR}", _quarter),
        (rf"(?<![0-9])(?P<q>[1-4])Q[-_. ]?{_LAST_YEAR}", _quarter),
        (rf"{_YEAR}{_TO_MONTH}(?P<m>[0-9]{{1,2}}){_END}", _month),
        (rf"{_YEAR}(?P<m>[0-9]{{2}}){_END}", _compact_month),
        (rf"(?<![0-9a-z])(?P<m>[0-9]{{1,2}})[-_.]{_LAST_YEAR}", _month),
        (rf"(?<![0-9a-z])(?P<m>[0-9]{{2}}){_LAST_YEAR}", _compact_month),
        (rf"{_YEAR}{_END}", _year),
    )
]
