"""The values of a user's files, as pandas reads them or refused."""

from __future__ import annotations

import datetime
import decimal
import io
import math
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.values.labels import Label

ID = 9_223_372_036_854_775_807


def _read(
    folder: Path,
    content: bytes | pa.Table,
    types: Mapping[str, str] | None = None,
    label: Label | None = None,
    **settings: Any,
) -> dict[str, list[Any]]:
    """Return the columns that a source reads from a file."""
    data = folder / "data"
    data.mkdir()
    if isinstance(content, bytes):
        (data / "1.csv").write_bytes(content)
    else:
        pq.write_table(content, data / "1.parquet")
    source = open_source(
        SourceSettings(kind="folder", path=data, **settings), types or {}, label=label
    )
    source.select([1]).write(1, folder / "out.parquet")
    table = pq.read_table(folder / "out.parquet")
    return {name: table[name].to_pylist() for name in table.column_names if name[0] != "_"}


def _cells(*values: str) -> bytes:
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    return "".join(f"{cell}\n" for cell in ("a,b", *(f"{value},x" for value in quoted))).encode()


@pytest.mark.parametrize(
    "text",
    [
        "1_000", "1__0", "0x10", "0b1", "0o7", "1e5", "1E+5", "1.e5", "1e", "1e+", "e5", "1e5.5",
        " 12 ", "\t5", "+5", "-5", "--5", "+-5", "1,000", "1 000", "1.", ".5", ".", "-", "+",
        "1..5", "+.5e1", "١٢", "１２", "−5", "Infinity", "-inf", "INF", "+inf", "infinit", "1e400",
        "1e-400", "1d", "1f", "5%", "$5", "-0", "0.1", "123456789.123456789", str(2**53 + 1),
        str(ID), str(-ID - 1), "1.7976931348623157e308", "4.9e-324", "\u00a05", "5\u2009", "1'000",
        "1.000,5", "½", "²",
    ],
)  # fmt: skip
def test_a_number_is_what_pandas_reads_as_a_number(tmp_path: Path, text: str) -> None:
    content = _cells(text, "1")
    [expected, one] = pd.read_csv(io.BytesIO(content), float_precision="round_trip")["a"]
    assert _read(tmp_path, content)["a"] == [expected, one]


@pytest.mark.parametrize(
    "text", ["1,5", "-1,5", "1.5", "1,5e3", "1.000,5", "1,", ",5", "1_000,5", "7", "1,5,0", "inf"]
)
def test_a_decimal_comma_is_read_as_pandas_reads_it(tmp_path: Path, text: str) -> None:
    content = _cells(text, "2").replace(b",x", b";x").replace(b"a,b", b"a;b")
    [expected, two] = pd.read_csv(
        io.BytesIO(content), sep=";", decimal=",", float_precision="round_trip"
    )["a"]
    assert _read(tmp_path, content, decimal=",")["a"] == [expected, two]


@pytest.mark.parametrize("missing", ["NA", "N/A", "null", "NULL", "NaN", "nan", "<NA>", "#N/A"])
def test_missing_numbers_are_those_of_pandas(tmp_path: Path, missing: str) -> None:
    content = _cells(missing, "1.5")
    assert math.isnan(pd.read_csv(io.BytesIO(content))["a"][0])
    assert _read(tmp_path, content)["a"] == [None, 1.5]


def test_missing_values_are_recognized_in_columns_of_numbers_only(tmp_path: Path) -> None:
    # NA is Namibia, and None may be an answer.
    content = b"country,size\nNA,?\nKR,1\nNone,NA\n"
    assert _read(tmp_path, content) == {"country": ["NA", "KR", "None"], "size": [None, 1, None]}


@pytest.mark.parametrize(
    ("kind", "values"),
    [("INT", [1, None]), ("FLOAT", [1.0, None]), ("BYTES", ["1", "?"])],
)
def test_the_schema_decides_which_columns_are_numbers(
    tmp_path: Path, kind: str, values: list[object]
) -> None:
    assert _read(tmp_path, _cells("1", "?"), {"a": kind})["a"] == values


def test_stated_nulls_are_missing_in_every_column_and_no_other_text_is(tmp_path: Path) -> None:
    content = b"a,b,c\n-,-,1\n1,x,NA\n-999,NA,2\n"
    nulls = ["-", "-999"]
    read = pd.read_csv(io.BytesIO(content), na_values=nulls, keep_default_na=False)
    assert read["a"].isna().tolist() == [True, False, True]
    assert _read(tmp_path, content, nulls=nulls) == {
        "a": [None, 1, None],
        "b": [None, "x", "NA"],
        "c": ["1", "NA", "2"],
    }


def test_a_run_says_how_many_cells_are_missing_values(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b,c\n?,NA,\n1,x,2\nNA,y,3\n")
    source = open_source(SourceSettings(kind="folder", path=tmp_path))
    assert source.select([1]).remark == "2 cells of a are missing values"


@pytest.mark.parametrize("number", [ID, -ID - 1, ID - 1, 2**53 + 1, 1_234_567_890_123_456_789])
def test_ids_of_19_digits_are_exact(tmp_path: Path, number: int) -> None:
    assert _read(tmp_path, _cells(str(number), "1"), {"a": "INT"})["a"] == [number, 1]


@pytest.mark.parametrize("kind", [None, "INT", "BYTES"])
def test_ids_that_fit_no_64_bits_stay_text(tmp_path: Path, kind: str | None) -> None:
    ids = [str(ID + 1), str(ID + 2), "1" * 30]
    types = {"a": kind} if kind else {}
    assert _read(tmp_path, _cells(*ids), types)["a"] == ids


def test_a_number_beside_a_long_id_does_not_make_it_a_double(tmp_path: Path) -> None:
    ids = [str(2**53 + 1), str(2**53 + 2), "1.5"]
    assert _read(tmp_path, _cells(*ids))["a"] == ids


@pytest.mark.parametrize("kind", [pa.uint64(), pa.decimal128(38, 0), pa.decimal128(20, 0)])
@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([ID, 5, None], [ID, 5, None]), ([ID + 1, ID + 2, None], [str(ID + 1), str(ID + 2), None])],
)
def test_wide_numbers_are_whole_or_text(
    tmp_path: Path, kind: pa.DataType, numbers: list[int | None], expected: list[object]
) -> None:
    values = numbers
    if pa.types.is_decimal(kind):
        values = [None if number is None else decimal.Decimal(number) for number in numbers]
    assert _read(tmp_path, pa.table({"a": pa.array(values, kind)}))["a"] == expected


def test_the_schema_may_round_wide_numbers_with_a_remark(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [2**53 + 1, 2]}), tmp_path / "1.parquet")
    source = open_source(SourceSettings(kind="folder", path=tmp_path), {"a": "FLOAT"})
    assert source.select([1]).remark == "1 values of a are rounded to 64-bit numbers"


def test_decimals_are_numbers_with_a_remark_if_they_lose_digits(tmp_path: Path) -> None:
    values = [decimal.Decimal("1.10"), decimal.Decimal("12345678901234567.89")]
    table = pa.table({"a": pa.array(values, pa.decimal128(19, 2))})
    assert _read(tmp_path, table)["a"] == [1.1, 12345678901234567.89]
    source = open_source(SourceSettings(kind="folder", path=tmp_path / "data"))
    assert source.select([1]).remark == "1 values of a are rounded to 64-bit numbers"


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array(["서울".encode(), None]), ["서울", None]),
        (pa.array(["서울".encode(), b"abc"], pa.large_binary()), ["서울", "abc"]),
        (pa.array([b"abcd", b"efgh"], pa.binary(4)), ["abcd", "efgh"]),
        (pa.array(["서울", None], pa.large_string()), ["서울", None]),
        (pa.array(["서울", "서울"]).dictionary_encode(), ["서울", "서울"]),
        (pa.array([1, 1]).dictionary_encode(), [1, 1]),
        (pa.array([b"1", b"2"]), [1, 2]),
        (pa.array([datetime.time(1, 2, 3)]), ["01:02:03"]),
        (pa.array([datetime.date(2024, 1, 2)]), ["2024-01-02"]),
        (pa.array([datetime.datetime(2024, 1, 2)], pa.timestamp("ns")), ["2024-01-02 00:00:00"]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array([1.5, float("inf")], pa.float32()), [1.5, float("inf")]),
        (pa.array([True, None]), [1, None]),
    ],
)
def test_types_of_parquet_are_converted(
    tmp_path: Path, array: pa.Array, expected: list[object]
) -> None:
    assert _read(tmp_path, pa.table({"a": array}))["a"] == expected


@pytest.mark.parametrize(
    ("cell", "actual"),
    [(b"\xec\x84", "EC84"), (uuid.UUID(int=255).bytes, "FF"), (b"a\0", "a NUL byte")],
)
def test_bytes_that_are_no_text_are_refused_with_their_row(
    tmp_path: Path, cell: bytes, actual: str
) -> None:
    table = pa.table({"city": pa.array([b"a", cell, None])})
    with pytest.raises(DataRefused, match=r"1\.parquet, column city: .* UTF-8") as refused:
        _read(tmp_path, table)
    [row] = refused.value.rows
    assert (row.file, row.row, row.column) == ("1.parquet", "2", "city")
    assert actual in row.actual


def test_decimals_of_more_than_38_digits_are_refused(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([decimal.Decimal(1)], pa.decimal256(50, 0))})
    with pytest.raises(DataRefused, match="column a: expected at most 38 digits"):
        _read(tmp_path, table)


@pytest.mark.parametrize("value", [[1, 2], {"x": 1}, [{"x": [1]}]])
def test_nested_columns_are_left_out_unless_the_schema_has_them(
    tmp_path: Path, value: object
) -> None:
    table = pa.table({"a": [1], "tags": [value]})
    assert _read(tmp_path, table) == {"a": [1]}
    settings = SourceSettings(kind="folder", path=tmp_path / "data")
    assert "tags is left out because" in open_source(settings).select([1]).remark
    with pytest.raises(DataRefused, match="column tags: expected single values"):
        open_source(settings, {"tags": "BYTES"}).select([1])


def test_whole_numbers_are_text_where_the_schema_has_text(tmp_path: Path) -> None:
    table = pa.table({"code": [12, None], "empty": pa.array([None, None], pa.float64())})
    types = {"code": "BYTES", "empty": "BYTES"}
    assert _read(tmp_path, table, types) == {"code": ["12", None], "empty": [None, None]}


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        (["1.0", "2.00", ""], "INT", [1, 2, None]),
        (["1e3", "-0"], "INT", [1000, 0]),
        (["True", "false"], "INT", [1, 0]),
        (["True", "false"], "FLOAT", [1.0, 0.0]),
        (["1.5", "2"], "INT", ["1.5", "2"]),
        (["007", "8"], "INT", [7, 8]),
        (["007", "8"], None, ["007", "8"]),
        (["1e17", "1"], "INT", ["1e17", "1"]),
        (["NA", ""], "INT", [None, None]),
    ],
)
def test_text_becomes_the_type_of_the_schema_if_no_value_is_lost(
    tmp_path: Path, cells: list[str], kind: str | None, expected: list[object]
) -> None:
    assert _read(tmp_path, _cells(*cells), {"a": kind} if kind else {})["a"] == expected


TEXTS = [["Yes", "No"], ["yes", "NO"], ["true", "False"], ["1", "0"], ["1.0", "0.0"], ["T", "F"]]


@pytest.mark.parametrize("cells", TEXTS)
@pytest.mark.parametrize("kind", ["INT", None])
def test_labels_of_two_classes_become_0_and_1(
    tmp_path: Path, cells: list[str], kind: str | None
) -> None:
    types = {"a": kind} if kind else {}
    content = _cells(*cells, cells[0], "", "NA")
    assert _read(tmp_path, content, types, Label("a"))["a"] == [1, 0, 1, None, None]


@pytest.mark.parametrize(
    ("values", "positive", "expected"),
    [
        (pa.array([True, False]), None, [1, 0]),
        (pa.array([1.0, 0.0, None]), None, [1, 0, None]),
        (pa.array([True, False]), "false", [0, 1]),
        (pa.array([1, 2]), "2", [0, 1]),
        (pa.array([1.0, 2.0]), "2", [0, 1]),
        (pa.array(["good", "bad", None]), "bad", [0, 1, None]),
        (pa.array(["이탈", "유지"]), "이탈", [1, 0]),
        (pa.array([decimal.Decimal("1.0"), decimal.Decimal("0.0")]), None, [1, 0]),
        (pa.array(["1", "2"]), "1.0", [1, 0]),
        (pa.array(["Yes", "Yes"]), "Yes", [1, 1]),
    ],
)
def test_a_stated_value_of_the_label_is_positive(
    tmp_path: Path, values: pa.Array, positive: str | None, expected: list[int | None]
) -> None:
    label = Label("a", positive)
    assert _read(tmp_path, pa.table({"a": values}), {"a": "INT"}, label)["a"] == expected


def test_one_value_is_predicted_against_several_others(tmp_path: Path) -> None:
    label = Label("a", "2", ("0.0", "1"))
    cells = pa.table({"a": pa.array([0.0, 1.0, 2.0, None])})
    assert _read(tmp_path, cells, {"a": "INT"}, label)["a"] == [0, 0, 1, None]


def test_a_value_that_is_neither_positive_nor_negative_is_refused(tmp_path: Path) -> None:
    label = Label("a", "Adelie", ("Gentoo", "Chinstrap"))
    with pytest.raises(DataRefused, match="got adelie") as refused:
        _read(tmp_path, _cells("Adelie", "Gentoo", "adelie"), {"a": "INT"}, label)
    assert [(row.row, row.actual) for row in refused.value.rows] == [("3", "adelie")]


@pytest.mark.parametrize(
    ("cells", "positive", "named"),
    [
        (["1", "2"], None, "1, 2"),
        (["good", "bad"], None, "bad, good"),
        (["Yes", "No", "Maybe"], "Yes", "Maybe, No, Yes"),
        (["yes", "no"], "Yes", "no, yes"),
        (["0", "1", "0.5"], None, "0, 0.5, 1"),
        (["1_0", "0"], None, "0, 1_0"),
    ],
)
def test_other_labels_are_refused_with_their_values_and_the_setting(
    tmp_path: Path, cells: list[str], positive: str | None, named: str
) -> None:
    with pytest.raises(DataRefused, match="label a: expected") as refused:
        _read(tmp_path, _cells(*cells), {"a": "INT"}, Label("a", positive))
    assert named in refused.value.what
    assert "positive" in (refused.value.next_step or "")
    assert all(row.file == "1.csv" and row.column == "a" for row in refused.value.rows)
    assert refused.value.rows
