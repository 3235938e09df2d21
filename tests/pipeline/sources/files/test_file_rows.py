"""One file is read for a check or a request as a run reads it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.errors import DataRefused, UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources import Label, open_source
from pipeline.sources.files.file_rows import load_rows
from schema.rows import Row, check

TYPES = {"carrier": "BYTES", "hour": "INT", "wind": "FLOAT", "late": "INT"}
ROWS = [
    {"carrier": "AA", "hour": 5, "wind": 2.5, "late": 0},
    {"carrier": None, "hour": 6, "wind": -1.0, "late": 1},
]
SCHEMA = text_format.Parse(
    "".join(f'feature {{ name: "{name}" type: {kind} }}\n' for name, kind in TYPES.items()),
    schema_pb2.Schema(),
)


def _load(file: Path, label: Label | None = None, **settings: Any) -> list[Row]:
    return list(load_rows(file, SourceSettings(**settings), TYPES, label))


def test_rows_are_equal_from_every_kind_of_file(tmp_path: Path) -> None:
    csv = "\ufeffcarrier,hour,wind,late\nAA,5,2.5,0\n,6,-1,1\n".encode()
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_bytes(csv)
    (tmp_path / "semicolons.CSV").write_bytes(csv.replace(b",", b";"))
    (tmp_path / "rows [v1].csv.gz").write_bytes(gzip.compress(csv.replace(b"\n", b"\r\n")))
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    (tmp_path / "rows.json").write_text(json.dumps({"instances": ROWS}))
    for file in tmp_path.iterdir():
        assert _load(file) == ROWS, file


def test_the_settings_of_the_source_are_used(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes("carrier:hour:wind:late\n서울:5:2,5:No\n-:6:-1:Yes\n".encode("cp949"))
    rows = _load(file, Label("late"), delimiter=":", decimal=",", encoding="cp949", nulls=["-"])
    assert rows == [{**ROWS[0], "carrier": "서울"}, ROWS[1]]


@pytest.mark.parametrize(
    "cells",
    ["NA,1.0,1,0", "AA,9223372036854775807,1e3,1", "007,?,NaN,0", " x , 5 ,+.5,1", "AA,true,inf,1"],
)
def test_a_row_is_what_a_run_reads(tmp_path: Path, cells: str) -> None:
    file = tmp_path / "1.csv"
    file.write_text(f"carrier,hour,wind,late\n{cells}\n")
    source = open_source(SourceSettings(kind="folder", path=file), TYPES)
    [span] = source.spans()
    source.select([span]).write(span, tmp_path / "out")
    assert _load(file) == pq.read_table(tmp_path / "out").select(list(TYPES)).to_pylist()


@pytest.mark.parametrize(
    ("cells", "column", "actual"),
    [
        ("AA,five,1,1", "hour", "five"),
        ("AA,1.5,1,1", "hour", "1.5"),
        ("AA,1_000,1,1", "hour", "1_000"),
        ("AA,9223372036854775808,1,1", "hour", "9223372036854775808"),
        ("AA,1,2.5.1,1", "wind", "2.5.1"),
        ("AA,1,0x10,1", "wind", "0x10"),
        ("AA,1,1,maybe", "late", "maybe"),
    ],
)
def test_a_value_that_does_not_fit_is_reported_as_it_is(
    tmp_path: Path, cells: str, column: str, actual: str
) -> None:
    file = tmp_path / "1.csv"
    file.write_text(f"carrier,hour,wind,late\nAA,1,1,1\n{cells}\n")
    [finding] = check(_load(file, Label("late")), SCHEMA)
    assert (finding.row, finding.column, finding.actual) == (2, column, actual)


@pytest.mark.parametrize(
    ("column", "value"), [("hour", 1.5), ("carrier", 1.5), ("wind", "2024"), ("hour", [1, 2])]
)
def test_a_value_of_parquet_that_does_not_fit_is_reported(
    tmp_path: Path, column: str, value: object
) -> None:
    pq.write_table(pa.Table.from_pylist([{**ROWS[0], column: value}]), tmp_path / "1.parquet")
    findings = check(_load(tmp_path / "1.parquet"), SCHEMA)
    expected = [] if value == "2024" else [(column, str(value))]
    assert [(finding.column, finding.actual) for finding in findings] == expected


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("1.csv", b"a,b\nAA\n", DataRefused, "1 malformed rows. The first is line 2, column b"),
        ("1.csv", b"a,b\nAA,1,2\n", DataRefused, "1 malformed rows. The first is line 2"),
        ("1.csv", b"a\n\xff\n", DataRefused, "The first is line 2, column a: expected text in U"),
        ("1.parquet", b"no Parquet", DataRefused, "1.parquet: not a readable Parquet file"),
        ("1.txt", b"", UsageError, "no files of a supported format"),
        ("1.json", b"[1]", ValueError, "holds no rows"),
    ],
)
def test_a_malformed_file_is_refused(
    name: str, content: bytes, error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        _load(tmp_path / name)
