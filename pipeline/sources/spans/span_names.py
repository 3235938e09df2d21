"""Read the spans of files from the dates or numbers in their names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from pipeline.errors import UsageError
from pipeline.sources.spans import name_dates
from pipeline.sources.spans.name_dates import NameDate

_SUFFIX = re.compile(
    r"\.(csv|tsv|txt|parquet|pq|jsonl?|ndjson|arrow|feather|ipc|tfrecords?|gz|gzip|zst|bz2)$", re.I
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_COPY = re.compile(r"( ?\(\d+\)| - copy( \(\d+\))?|[ _]copy( \d+)?| - 복사본( \(\d+\))?)$", re.I)
_NUMBER = re.compile(r"\d+")
# Words before a number that counts the parts of one span.
_PART = re.compile(
    r"(part|chunk|shard|piece|file|batch|block|split|store|shop|region|site|p|no|nr)[-_. ]*$", re.I
)
_MAX_DIGITS = 18
_RENAME = "name files by one form, such as rides-2024-01.csv, or set source.time_column"


def spans(names: Sequence[str]) -> dict[str, int]:
    """Return the span of every file.

    The order of the spans is the order of time. A date is a year (span 2024), a quarter (20241), a
    month (202401), an ISO week (2024005), a day (20240115) or an hour (2024011510). Names without
    a date have a plain number, which is the span.

    Args:
      names: paths of the files relative to the folder of the source.

    Raises:
      UsageError: a name has no span, a date that is read in two ways, or a date of another form
        than the other names; or a file is a copy of another.
    """
    refuse_copies(names)
    dates = _dates(names)
    if all(date is None for date in dates.values()):
        return _numbers(names)
    for name, date in dates.items():
        if date is None and not _NUMBER.search(_stem(name)):
            raise _without_digits(name)
    by_form: dict[str, str] = {}
    for name, date in dates.items():
        by_form.setdefault(date.form if date else "number", name)
    if len(by_form) > 1:
        (first, one), (second, other) = list(by_form.items())[:2]
        raise UsageError(
            f"source.path: expected names with one form of date, got the {first} of {one} and "
            f"the {second} of {other}.",
            _RENAME,
        )
    chosen = {name: date for name, date in dates.items() if date is not None}
    _refuse_unclear_years(chosen)
    return {name: date.span for name, date in chosen.items()}


def refuse_copies(names: Sequence[str]) -> None:
    """Refuse names such as `rides (1).csv` beside `rides.csv`.

    Args:
      names: paths of the files relative to the folder of the source.

    Raises:
      UsageError: a file is named as a copy of another.
    """
    originals = {_without_suffix(name): name for name in names}
    for name in names:
        stem = _without_suffix(name)
        original = originals.get(_COPY.sub("", stem))
        if original is not None and original != name:
            raise UsageError(
                f"{name}: by its name a copy of {original}, so its rows would count twice.",
                "remove one of the two files, or give them names without a copy's mark",
            )


def _dates(names: Sequence[str]) -> dict[str, NameDate | None]:
    """Return the date of every name; of several dates, the one that not all names share."""
    candidates = {name: _name_dates(name) for name in names}
    # A date of an export or of a version is the same in all names.
    texts = [{date.text for date in dates} for dates in candidates.values()]
    shared = set.intersection(*texts) if len(texts) > 1 else set()
    chosen: dict[str, NameDate | None] = {}
    for name, dates in candidates.items():
        different = {date.span: date for date in dates}
        if len(different) > 1:
            different = {date.span: date for date in dates if date.text not in shared}
        if len(different) > 1:
            shown = ", ".join(date.text for date in different.values())
            raise UsageError(f"{name}: expected one date in the name, got {shown}.", _RENAME)
        chosen[name] = next(iter([*different.values(), *dates]), None)
    return chosen


def _name_dates(name: str) -> list[NameDate]:
    """Return the dates of the file's own name; without one, those of the whole path."""
    stem = _stem(name)
    try:
        return name_dates.parse(stem) or name_dates.parse(_normal(_without_suffix(name)))
    except ValueError as error:
        raise UsageError(f"{name}: {error}.", _RENAME) from error


def _refuse_unclear_years(dates: dict[str, NameDate]) -> None:
    """Refuse names of one year whose further numbers may be periods, such as 2024H1 and 2024H2."""
    rests: dict[int, dict[str, str]] = defaultdict(dict)
    for name, date in dates.items():
        if date.form != "year":
            return
        rest = _stem(name).rpartition(date.text)[2]
        number = _NUMBER.search(rest)
        if number and not _PART.search(rest[: number.start()]):
            rests[date.span].setdefault(number.group(), name)
    for span, examples in rests.items():
        if len(examples) > 1:
            one, other = list(examples.values())[:2]
            raise UsageError(
                f"{one}, {other}: expected a date, got the year {span} and a number of another "
                "meaning.",
                _RENAME,
            )


def _numbers(names: Sequence[str]) -> dict[str, int]:
    """Return the plain number of every name: the only one that differs between the names."""
    numbers = {name: _NUMBER.findall(_stem(name)) for name in names}
    for name, texts in numbers.items():
        if not texts:
            raise _without_digits(name)
    counts: dict[int, str] = {}
    for name, texts in numbers.items():
        counts.setdefault(len(texts), name)
    if len(counts) > 1:
        one, other = list(counts.values())[:2]
        raise UsageError(
            f"source.path: expected names with one number, got {one} and {other}.", _RENAME
        )
    columns = list(zip(*numbers.values()))
    different = [column for column in columns if len(set(column)) > 1] or columns[:1]
    if len(different) > 1 or (len(columns) > 1 and len(set(different[0])) == 1):
        one, other = names[0], names[-1]
        raise UsageError(
            f"source.path: expected names with one number that differs, got {one} and {other}.",
            _RENAME,
        )
    [column] = different
    first: dict[int, tuple[str, str]] = {}
    for name, digits in zip(numbers, column):
        if len(digits) > _MAX_DIGITS:
            raise UsageError(f"{name}: expected a number of fewer digits, got {digits}.", _RENAME)
        other, before = first.setdefault(int(digits), (name, digits))
        if before != digits:
            raise UsageError(f"{other}, {name}: two files with the span {int(digits)}.", _RENAME)
    return {name: int(digits) for name, digits in zip(numbers, column)}


def _without_digits(name: str) -> UsageError:
    return UsageError(
        f"{name}: no digits in its name, so its span is unknown.",
        "name files by their span (sales-201304.csv), or set source.time_column",
    )


def _stem(name: str) -> str:
    """Return the name without folders, suffixes, a copy's mark or a UUID."""
    stem = _without_suffix(name).rpartition("/")[2]
    without_mark = _COPY.sub("", stem)
    # A mark is the only number of `rides (2).csv`.
    stem = without_mark if _NUMBER.search(without_mark) else stem
    return _normal(stem)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", _UUID.sub("", text))


def _without_suffix(name: str) -> str:
    while _SUFFIX.search(name):
        name = _SUFFIX.sub("", name)
    return name
