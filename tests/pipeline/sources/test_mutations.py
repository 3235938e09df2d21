"""Mutated values, names, encodings, layouts and settings: read as pandas does, or refused."""

from __future__ import annotations

import calendar
import csv
import gzip
import io
import math
import random
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused, UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.base import FILE_COLUMN
from tests.proof import Proof

ROWS = 12

_NUMBERS = ["0", "1", "-7", "12", "3.5", "-0.25", "1e3", "2.", ".5", "1200", "007"]
_MISSING = ["", "NA", "N/A", "null", "NULL", "NaN", "nan", "?", "<NA>", "n/a"]
_ODD = [
    "1_000", "0x10", " 12 ", "+5", "1,5", "1.000,5", "١٢", "Infinity", "-inf", "1e400", "1e-400",
    "9007199254740993", "9223372036854775807", "9223372036854775808", "--5", "5%", "-", "-999",
    "True", "false", "Yes", "x", "a;b", 'say "no"', "two\nlines", "'", "2024-01-15", "1e", "١",
]  # fmt: skip
_TEXTS = {
    "utf-8": ["서울", "Zürich", "ß", "日本", "🙂", "é"],
    "cp949": ["서울", "부산", "ABC"],
    "latin-1": ["Zürich", "ñ", "ß"],
    "cp1252": ["“x”", "€", "é"],
    "utf-16": ["서울", "🙂", "ß"],
    "utf-8-sig": ["서울", "x"],
}


class _Case:
    """A random table, how it is written, and the settings that describe it.

    Args:
      seed: number of the case.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        choice = self.random.choice
        self.encoding = choice([*_TEXTS, "utf-8", "utf-8"])
        self.decimal = choice([".", ".", ","])
        self.delimiter = choice([",", ";", "\t", "|", ":"])
        self.nulls = choice([None, None, ["-"], ["-999", "NA"], []])
        self.header = [f"{choice('abc한ü') if self._is_utf else 'c'}{n}" for n in range(3)]
        self.columns = [self._column() for _ in self.header]

    @property
    def _is_utf(self) -> bool:
        return self.encoding.startswith("utf")

    def _column(self) -> list[str]:
        pools = [_NUMBERS, _NUMBERS + _MISSING, _TEXTS[self.encoding], ["true", "False", "TRUE"]]
        pool = self.random.choice(pools)
        cells = [self.random.choice(pool) for _ in range(ROWS)]
        if self.decimal == ",":
            cells = [cell.replace(".", ",") for cell in cells]
        for _ in range(self.random.choice([0, 0, 1, 2])):
            odd = self.random.choice(_ODD + _MISSING)
            try:
                odd.encode(self.encoding)
            except UnicodeEncodeError:
                continue
            cells[self.random.randrange(ROWS)] = odd
        return cells

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the source."""
        return {
            "encoding": self.encoding,
            "decimal": self.decimal,
            "delimiter": self.delimiter if self.delimiter == ":" else None,
            "nulls": self.nulls,
        }

    def content(self) -> bytes:
        """The file, perhaps with damaged bytes."""
        out = io.StringIO()
        ends = self.random.choice(["\n", "\r\n"])
        quoting = self.random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator=ends, quoting=quoting)
        writer.writerows([self.header, *zip(*self.columns)])
        content = out.getvalue().encode(self.encoding)
        if self.random.random() < 0.2:
            at = self.random.randrange(len(content))
            damage = self.random.choice([b"\0", b"\xff", b'"', b"\x81", b"\n", b"\xef\xbb\xbf"])
            content = content[:at] + damage + content[at:]
        return content

    def write(self, folder: Path, content: bytes) -> None:
        """Write the file in one of many layouts, with files beside it that are not data."""
        name = self.random.choice(["r-2024-01.csv", "r[1]-2024-01.CSV", "2024-01/part-0.csv"])
        if self.random.random() < 0.3:
            name, content = f"{name}.gz", gzip.compress(content)
        for extra in self.random.sample(
            [".ipynb_checkpoints/r-2024-01.csv", "_SUCCESS", "notes.txt", ".hidden.csv"], 2
        ):
            (folder / extra).parent.mkdir(exist_ok=True, parents=True)
            (folder / extra).write_bytes(content)
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(content)

    def pandas(self, content: bytes, as_text: bool) -> pd.DataFrame:
        """What pandas reads with the same options."""
        keep: dict[str, Any] = {"keep_default_na": False, "na_values": ["", *(self.nulls or [])]}
        if self.nulls is None and not as_text:
            keep = {"na_values": ["?"]}
        return pd.read_csv(
            io.BytesIO(content),
            sep=self.delimiter,
            decimal=self.decimal,
            encoding=self.encoding,
            dtype=str if as_text else None,
            float_precision="round_trip",
            **keep,
        )


def _differences(case: _Case, content: bytes, table: dict[str, list[Any]]) -> list[str]:
    texts, values = case.pandas(content, True), case.pandas(content, False)
    first, *others = map(str, texts.columns)
    if list(table) != [first.removeprefix("\ufeff"), *others]:
        return [f"columns {list(table)}, {list(texts.columns)}"]
    broken = []
    for (name, cells), text, value in zip(table.items(), texts, values):
        if len(cells) != len(texts):
            broken.append(f"{name}: {len(cells)} rows, {len(texts)}")
        for cell, as_text, as_value in zip(cells, texts[text], values[value]):
            if not _same(cell, as_text, as_value):
                broken.append(f"{name}: {cell!r}, {as_text!r}, {as_value!r}")
    return broken


def _same(cell: Any, as_text: Any, as_value: Any) -> bool:
    """Return whether a cell is the text that pandas reads, or the number."""
    if cell is None:
        return pd.isna(as_text) or pd.isna(as_value) or as_text == ""
    if isinstance(cell, str):
        return bool(cell == as_text)
    if str(as_text).strip().lower() in ("true", "false"):
        return bool(cell == (as_text.strip().lower() == "true"))
    try:
        number = float(as_value)
    except ValueError:
        return False
    return not math.isnan(number) and cell in (as_value, number)


def _numbers_as_text(case: _Case, content: bytes, table: dict[str, list[Any]]) -> list[str]:
    """Return the columns of numbers that stayed text without a reason."""
    values = case.pandas(content, False)
    return [
        f"{name}: text, {values[column].dtype}"
        for (name, cells), column in zip(table.items(), values)
        if any(isinstance(cell, str) for cell in cells)
        and values[column].dtype.kind in "if"
        # A code has a leading zero, and a number must not lose digits.
        and not any(str(cell).strip(" +-").startswith("00") for cell in cells)
        and not any(len(str(cell).strip(" +-")) > 15 for cell in cells)
    ]


def _read(folder: Path, **settings: Any) -> dict[str, list[Any]]:
    source = open_source(SourceSettings(kind="folder", path=folder, **settings))
    [span] = source.spans()
    assert span == 202401
    source.select([span]).write(span, folder.parent / "out.parquet")
    table = pq.read_table(folder.parent / "out.parquet")
    assert set(table[FILE_COLUMN].to_pylist()) <= {
        name for name in table[FILE_COLUMN].to_pylist() if "hidden" not in name
    }
    return {
        name: table[name].to_pylist() for name in table.column_names if not name.startswith("_s")
    }


def test_mutated_tables_are_read_as_pandas_reads_them_or_refused(
    tmp_path: Path, full: bool, proof: Proof
) -> None:
    read = refused = 0
    for seed in range(1500 if full else 80):
        case = _Case(seed)
        content = case.content()
        folder = tmp_path / str(seed) / "data"
        folder.mkdir(parents=True)
        case.write(folder, content)
        try:
            table = _read(folder, **case.settings)
        except (DataRefused, UsageError) as error:
            refused += 1
            violations = [] if error.what and error.next_step else [f"no reason: {error.what}"]
        else:
            read += 1
            violations = _differences(case, content, table)
            violations += _numbers_as_text(case, content, table)
        proof.case("mutated tables", [f"case {seed}: {text}" for text in violations])
        shutil.rmtree(folder)
        assert violations == [], seed
    assert read > 40
    assert refused > 3


def _name(random_: random.Random, year: int, month: int, day: int | None) -> str:
    """Return a name with a date in one of many spellings."""
    names = [f"{month:02}", f"{month}"]
    separator = random_.choice("-_. ")
    if day is None:
        date = random_.choice([
            separator.join([str(year), random_.choice(names)]),
            f"{year}{month:02}",
            f"{calendar.month_abbr[month]}-{year}",
            f"{month:02}-{year}",
            f"{year}년 {month}월",
            f"{year}/{random_.choice(names)}",
        ])  # fmt: skip
    else:
        date = random_.choice([
            f"{year}{month:02}{day:02}",
            separator.join([str(year), random_.choice(names), str(day)]),
            separator.join([f"{day:02}", f"{month:02}", str(year)]),
            separator.join([f"{month:02}", f"{day:02}", str(year)]),
            f"{day}-{calendar.month_name[month]}-{year}",
            f"{year}-{month:02}-{day:02}T{random_.randrange(24):02}",
        ])  # fmt: skip
    prefix = random_.choice(["", "rides-", "v2-", "store_3_", "a/b/", "데이터 "])
    return f"{prefix}{date}{random_.choice(['', '-part1', '_final', ' (1)'])}.csv"


def test_spans_of_mutated_names_are_in_the_order_of_time_or_refused(
    tmp_path: Path, full: bool, proof: Proof
) -> None:
    read = refused = 0
    for seed in range(1000 if full else 100):
        random_ = random.Random(seed)
        daily = random_.random() < 0.4
        folder = tmp_path / str(seed)
        dates: dict[str, tuple[int, ...]] = {}
        for _ in range(random_.randrange(2, 5)):
            date = (random_.randrange(2019, 2026), random_.randrange(1, 13))
            day = random_.randrange(1, 29) if daily or random_.random() < 0.05 else None
            name = _name(random_, *date, day)
            dates[name] = (*date, day) if day else date
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"a\n{name}\n")
        try:
            spans = _spans_of_names(folder)
        except UsageError as error:
            refused += 1
            violations = [] if error.what and error.next_step else [f"no reason: {error.what}"]
        else:
            read += 1
            chronological = {name: _digits(date) for name, date in dates.items()}
            short = {name: int(str(span)[:8]) for name, span in spans.items()}
            violations = [] if short == chronological else [f"{spans}, {chronological}"]
        proof.case("mutated names", [f"case {seed}: {text}" for text in violations])
        shutil.rmtree(folder)
        assert violations == [], seed
    assert read > 20
    assert refused > 20


def _spans_of_names(folder: Path) -> dict[str, int]:
    source = open_source(SourceSettings(kind="folder", path=folder, split="time"))
    spans = {}
    for span in source.spans():
        source.select([span]).write(span, folder / "out")
        for (name,) in zip(pq.read_table(folder / "out")[FILE_COLUMN].to_pylist()):
            spans[name] = span
        (folder / "out").unlink()
    return spans


def _digits(date: tuple[int, ...]) -> int:
    return int("".join(f"{part:02}" for part in date))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_case_is_the_same_every_time(seed: int) -> None:
    assert _Case(seed).content() == _Case(seed).content()
