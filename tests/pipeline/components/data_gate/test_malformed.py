"""Files that were damaged at random are read as they are, or refused with place and reason.

A damaged file goes the way of a user's file: folder source, ExampleGen, statistics, validation and
the data gate. What passes is compared with what Python's csv module reads.
"""

from __future__ import annotations

import csv
import io
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import features
from pipeline.errors import DataRefused, UsageError
from pipeline.findings import Finding, RejectedRow
from pipeline.sources.base import PROVENANCE
from pipeline.sources.folder import FolderSource
from pipeline.sources.layout import lay_out
from pipeline.sources.values.column_types import MISSING
from schema import columns
from schema.policy import Policy
from tests.conftest import PROJECT
from tests.pipeline.components.data_gate.looking import look
from tests.proof import Proof

SCHEMA = columns.load(PROJECT / "tests/data/taxi/schema.pbtxt")
TYPES = columns.types(SCHEMA)
FEATURES = features.load(PROJECT / "tests/data/taxi/features.toml")
ROWS = 40

Rows = list[list[str]]


def _any_cell(random_: random.Random, rows: Rows) -> tuple[int, int]:
    row = random_.randrange(1, len(rows))
    return row, random_.randrange(len(rows[row]))


def _cell(value: str) -> Callable[[random.Random, Rows], None]:
    def put(random_: random.Random, rows: Rows) -> None:
        row, column = _any_cell(random_, rows)
        rows[row][column] = value

    return put


def _short(random_: random.Random, rows: Rows) -> None:
    del rows[random_.randrange(1, len(rows))][random_.randrange(1, 10) :]


def _long(random_: random.Random, rows: Rows) -> None:
    rows[random_.randrange(1, len(rows))] += ["1"] * random_.randrange(1, 4)


def _no_column(random_: random.Random, rows: Rows) -> None:
    column = random_.randrange(len(rows[0]))
    for row in rows:
        del row[column]


def _new_column(random_: random.Random, rows: Rows) -> None:
    for row in rows:
        row.append("extra")


def _renamed(random_: random.Random, rows: Rows) -> None:
    rows[0][random_.randrange(len(rows[0]))] = random_.choice(["renamed", "", rows[0][0], "a\nb"])


def _header_only(random_: random.Random, rows: Rows) -> None:
    del rows[1:]


def _no_label(random_: random.Random, rows: Rows) -> None:
    rows[random_.randrange(1, len(rows))][rows[0].index("big_tipper")] = ""


def _moved(random_: random.Random, rows: Rows) -> None:
    random_.shuffle(rows[0])


_OF_ROWS = [
    _short, _long, _no_column, _new_column, _renamed, _header_only, _no_label, _moved,
    *map(_cell, [
        "", " ", "x", "1e308", "-1e308", "nan", "inf", "-5", "99999999999999999999", "1,5", "0x10",
        '"', "é", "Crédit Card", "'; DROP TABLE raw; --", "TRUE", "2013-01-01", "NULL", "NA",
        "z" * 3_000_000, "\n", "a\r\nb", "1.5", "007",
    ]),
]  # fmt: skip


def _put_bytes(value: bytes) -> Callable[[random.Random, bytes], bytes]:
    def put(random_: random.Random, content: bytes) -> bytes:
        at = random_.randrange(len(content) + 1)
        return content[:at] + value + content[at:]

    return put


_OF_BYTES: list[Callable[[random.Random, bytes], bytes]] = [
    *map(_put_bytes, [b"\0", b"\xff\xfe", b'"', b"\n", b"\r\n", b",", b"\xc3", b"\xef\xbb\xbf"]),
    lambda _, content: b"\xef\xbb\xbf" + content,
    lambda _, content: content.replace(b"\n", b"\r\n"),
    lambda _, content: content.replace(b",", b";"),
    lambda _, content: content.decode().encode("utf-16"),
    lambda random_, content: content[: random_.randrange(len(content))],
    lambda _, content: b"",
    lambda random_, content: random_.randbytes(500),
]


def _csv(rows: Rows) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _parquet(rows: Rows) -> bytes:
    header, *values = rows
    out = io.BytesIO()
    pq.write_table(pa.table(dict(zip(header, map(list, zip(*values))))), out)
    return out.getvalue()


def _damaged_csv(random_: random.Random, rows: Rows) -> bytes:
    rows = [list(row) for row in rows]
    if random_.random() < 0.7:
        random_.choice(_OF_ROWS)(random_, rows)
    content = _csv(rows)
    return random_.choice(_OF_BYTES)(random_, content) if random_.random() < 0.4 else content


def _damaged_parquet(random_: random.Random, rows: Rows) -> bytes:
    content = bytearray(_parquet(rows))
    if random_.random() < 0.5:
        return bytes(content[: random_.randrange(len(content))])
    for _ in range(random_.randrange(1, 20)):
        content[random_.randrange(len(content))] = random_.randrange(256)
    return bytes(content)


@pytest.fixture(scope="module")
def good(taxi_csv: Path) -> Rows:
    with (taxi_csv / "data.csv").open(newline="") as lines:
        return [row for row, _ in zip(csv.reader(lines), range(ROWS + 1))]


def _through_the_gate(folder: Path) -> tuple[list[Finding], list[RejectedRow]]:
    source = FolderSource(folder / "rides", None, "year", TYPES)
    layout = lay_out(source, folder / "data", None, 1)
    span = layout.base / str(layout.span)
    tables = {split: pq.read_table(span / split) for split in ("train", "eval")}
    examination = look(folder, tables, SCHEMA, Policy(), FEATURES, layout.span)
    stopped = [verdict.finding for verdict in examination.with_action("stop")]
    assert examination.passed is not bool(stopped)
    if examination.passed and (folder / "rides" / "2.csv").exists():
        _is_what_python_reads(tables["eval"], folder / "rides" / "2.csv")
    return stopped, list(examination.rows)


def _is_what_python_reads(table: pa.Table, file: Path) -> None:
    text = file.read_bytes().decode("utf-8-sig")
    header = text.splitlines()[0]
    separator = max(",;\t|", key=header.count)
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    expected = [row for row in lines if any(row.values())]
    assert table.num_rows == len(expected)
    for name in table.column_names:
        if name in PROVENANCE:
            continue
        for value, cell in zip(table[name].to_pylist(), (row.get(name) or "" for row in expected)):
            if value is None:
                assert cell in MISSING
            elif isinstance(value, str):
                assert value == cell
            else:
                assert value == float({"true": "1", "false": "0"}.get(cell.lower(), cell))


@pytest.mark.slow
def test_damaged_files_are_read_right_or_refused_with_a_reason(
    good: Rows, tmp_path: Path, full: bool, proof: Proof
) -> None:
    refused = 0
    for seed in range(1000 if full else 60):
        random_ = random.Random(seed)
        folder = tmp_path / str(seed)
        (folder / "rides").mkdir(parents=True)
        suffix = "parquet" if random_.random() < 0.15 else "csv"
        damaged, write = {"parquet": (_damaged_parquet, _parquet), "csv": (_damaged_csv, _csv)}[
            suffix
        ]
        (folder / "rides" / f"1.{suffix}").write_bytes(write(good))
        (folder / "rides" / f"2.{suffix}").write_bytes(damaged(random_, good))
        stopped, violations = _violations(folder)
        proof.case("damaged files", [f"case {seed}: {each}" for each in violations])
        refused += stopped
        shutil.rmtree(folder)
        assert violations == [], seed
    assert refused > 20


def _violations(folder: Path) -> tuple[bool, list[str]]:
    """Return whether a folder's data was refused, and which promises that broke."""
    findings: list[Finding] = []
    try:
        findings, rows = _through_the_gate(folder)
    except (DataRefused, UsageError) as error:  # without its rows, the last span is not there
        rows = list(getattr(error, "rows", ()))
        named = any(
            word in error.what for word in ("2.csv", "2.parquet", "rides", "source", "span")
        )
        broken = [] if error.what and error.next_step and named else [f"no place: {error.what}"]
        refused = True
    else:
        broken, refused = [], bool(findings)
    broken += [f"no reason: {each}" for each in findings if not (each.actual and each.expected)]
    broken += [f"no place: {each}" for each in rows if not (each.file and each.expected)]
    return refused, broken
