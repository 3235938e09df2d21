"""Reading a user's own files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused, UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.base import FILE_COLUMN, ROW_COLUMN
from pipeline.sources.folder import FolderSource


def test_taxi_rides_are_divided_by_their_time(taxi_csv: Path, tmp_path: Path) -> None:
    source = FolderSource(taxi_csv, "trip_start_timestamp", "year")
    assert source.spans() == [2013, 2014, 2015, 2016]
    rows = 0
    for span in source.spans():
        source.select([span]).write(span, tmp_path / f"{span}.parquet")
        rows += pq.read_metadata(tmp_path / f"{span}.parquet").num_rows
    assert rows == sum(1 for _ in (taxi_csv / "data.csv").open()) - 1


def test_digits_in_a_name_are_the_span(tmp_path: Path) -> None:
    (tmp_path / "sales-2013-01.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "sales-2013-02.csv").write_text("a,b\n3,z\n")
    source = FolderSource(tmp_path, None, "month")
    assert source.spans() == [201301, 201302]
    source.select([201301]).write(201301, tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pydict() == {
        "a": [1, 2],
        "b": ["x", "y"],
        FILE_COLUMN: ["sales-2013-01.csv"] * 2,
        ROW_COLUMN: [1, 2],
    }


def test_a_column_has_one_type_in_all_files(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / "2.csv").write_text("a\n1.5\n")
    source = FolderSource(tmp_path, None, "month")
    source.select([1, 2]).write(1, tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == [1.0]


@pytest.mark.parametrize(
    ("time", "span"),
    [
        ("2013-04-05T23:30:00Z", 20130405),
        ("2013-04-05", 20130405),
        ("20130405", 20130405),
        ("1365204600", 20130405),
        ("1365204600000", 20130405),
    ],
)
def test_times_are_timestamps_dates_or_seconds(tmp_path: Path, time: str, span: int) -> None:
    (tmp_path / "rows.csv").write_text(f"at,a\n{time},1\n")
    assert FolderSource(tmp_path, "at", "day").spans() == [span]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no files of a supported format"):
        FolderSource(tmp_path, None, "month")


def test_mixed_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "1.csv").touch()
    (tmp_path / "2.parquet").touch()
    with pytest.raises(UsageError, match="mixed"):
        FolderSource(tmp_path, None, "month")


def test_a_name_without_digits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match="no digits in its name"):
        FolderSource(tmp_path, None, "month").spans()


def test_an_unknown_time_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match=r"no column at .* there are a"):
        FolderSource(tmp_path, "at", "day").spans()


def test_a_row_without_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("at,a\n2013-01-01,1\n,2\n")
    with pytest.raises(DataRefused, match="1 rows have no readable at"):
        FolderSource(tmp_path, "at", "day").spans()


def test_a_folder_source_needs_a_path() -> None:
    with pytest.raises(UsageError, match=r"source\.path"):
        open_source(SourceSettings(kind="folder"))


HEADER = b"a,b,c\n"


@pytest.mark.parametrize(
    ("content", "row", "column", "actual"),
    [
        (HEADER + b"1,2,x\n3,4\n", "line 3", "c", "missing columns"),
        (HEADER + b"1,2,x\n3,4,y,z\n", "line 3", "", "too many columns"),
        (HEADER + b"1,2,\xff\xfe\n", "line 2", "c", "invalid encoding"),
        (HEADER + b'1,2,"x\n3,4,y\n', "line 2", "c", "unquoted value"),
        (HEADER + b"1,2," + b"x" * 3_000_000 + b"\n", "line 2", "", "line size over maximum"),
        (HEADER + b"1,2,x\n1,2,\0\n", "2", "c", "a NUL byte"),
        (b"", "header", "", "an empty file"),
        (b"a,b,a\n1,2,3\n", "header", "a", "two columns of this name"),
        (b"a,,c\n1,2,3\n", "header", "", "a column without a name"),
        ("a,b,c\n1,2,x\n".encode("utf-16"), "header", "", "text in another encoding"),
    ],
)
def test_malformed_csv_is_refused_with_its_row(
    tmp_path: Path, content: bytes, row: str, column: str, actual: str
) -> None:
    (tmp_path / "1.csv").write_bytes(content)
    with pytest.raises(DataRefused) as refused:
        FolderSource(tmp_path, None, "month").select([1])
    [rejected] = refused.value.rows
    assert (rejected.file, rejected.row, rejected.column, rejected.actual) == (
        "1.csv",
        row,
        column,
        actual,
    )
    assert rejected.expected


@pytest.mark.parametrize("content", [b"PAR1 no", b"", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_file_that_is_not_parquet_is_refused_with_its_name(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "1.parquet").write_bytes(content)
    with pytest.raises(DataRefused, match=r"1\.parquet: not a readable Parquet file") as refused:
        FolderSource(tmp_path, None, "month").select([1])
    assert [rejected.file for rejected in refused.value.rows] == ["1.parquet"]


@pytest.mark.parametrize(
    ("content", "a"),
    [
        (b"a\n1\n", [1]),
        (b"\xef\xbb\xbfa\n1\n", [1]),
        (b"a;b\n1;2\n", [1]),
        (b"a,b\r\n1,2\r\n\r\n2,1\r\n", [1, 2]),
        (b"a,b\n,1\n2,1\n", [None, 2]),
        (b"a\n007\n", ["007"]),
        (b"a\n1e308\n0\n", [1e308, 0.0]),
        (b"a\n1\nx\n", ["1", "x"]),
        (b"a\ntrue\nfalse\n", [1, 0]),
        (b'a\n"x\ny"\n', ["x\ny"]),
    ],
)
def test_well_formed_csv_is_read_unchanged(tmp_path: Path, content: bytes, a: list[object]) -> None:
    (tmp_path / "1.csv").write_bytes(content)
    FolderSource(tmp_path, None, "month").select([1]).write(1, tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == a


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("1", "FLOAT", 1.0),
        ("1", "BYTES", "1"),
        ("1", "INT", 1),
        ("1.5", "INT", "1.5"),
        ("x", "FLOAT", "x"),
    ],
)
def test_the_type_of_the_schema_is_used_if_no_value_is_lost(
    tmp_path: Path, cell: str, kind: str, value: object
) -> None:
    (tmp_path / "1.csv").write_text(f"a\n{cell}\n")
    FolderSource(tmp_path, None, "month", {"a": kind}).select([1]).write(1, tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == [value]


def test_floats_of_whole_numbers_with_gaps_become_whole_numbers(
    tmp_path: Path,
) -> None:
    pq.write_table(pa.table({"a": [1.0, None]}), tmp_path / "1.parquet")
    FolderSource(tmp_path, None, "month", {"a": "INT"}).select([1]).write(1, tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pydict() == {
        "a": [1, None],
        FILE_COLUMN: ["1.parquet"] * 2,
        ROW_COLUMN: [1, 2],
    }


@pytest.mark.parametrize("time", ["2013", "-1", "20139999", "soon", ""])
def test_an_invalid_time_is_refused_with_its_row(tmp_path: Path, time: str) -> None:
    (tmp_path / "rows.csv").write_text(f"at,a\n{time},1\n")
    with pytest.raises(DataRefused, match="1 rows have no readable at") as refused:
        FolderSource(tmp_path, "at", "day").spans()
    [rejected] = refused.value.rows
    assert (rejected.file, rejected.row, rejected.column, rejected.actual) == (
        "rows.csv",
        "1",
        "at",
        time or "no value",
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [(pa.uint8(), 7), (pa.uint32(), 4_000_000_000), (pa.int8(), -7), (pa.bool_(), True)],
)
def test_whole_numbers_of_any_width_are_whole(
    tmp_path: Path, kind: pa.DataType, value: int
) -> None:
    pq.write_table(pa.table({"a": pa.array([value], kind)}), tmp_path / "1.parquet")
    FolderSource(tmp_path, None, "month", {"a": "INT"}).select([1]).write(1, tmp_path / "out")
    assert pq.read_table(tmp_path / "out")["a"].to_pylist() == [value]
    assert pq.read_schema(tmp_path / "out").field("a").type == pa.int64()


def test_columns_may_have_names_that_readers_use(tmp_path: Path) -> None:
    table = pa.table({"span": [1], "filename": ["x"]})
    pq.write_table(table, tmp_path / "1.parquet")
    FolderSource(tmp_path, None, "month").select([1]).write(1, tmp_path / "out")
    written = pq.read_table(tmp_path / "out").select(["span", "filename"])
    assert written.to_pydict() == table.to_pydict()


def test_each_file_has_its_own_separator(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("x,y\n1,2\n")
    (tmp_path / "2.csv").write_text("y;x\n4;3\n")
    source = FolderSource(tmp_path, None, "month")
    source.select([1, 2]).write(2, tmp_path / "out")
    assert pq.read_table(tmp_path / "out").select(["x", "y"]).to_pydict() == {"x": [3], "y": [4]}


def test_all_malformed_rows_are_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n" + "1\n" * 2500)
    with pytest.raises(DataRefused, match=r"1\.csv: 2,500 malformed rows") as refused:
        FolderSource(tmp_path, None, "month").select([1])
    assert len(refused.value.rows) == 1000
