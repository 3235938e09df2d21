"""A user's own files."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused, UsageError
from pipeline.settings import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.folder import FolderSource


def test_taxi_rides_are_cut_by_their_time(taxi_csv: Path, tmp_path: Path) -> None:
    source = FolderSource(taxi_csv, "trip_start_timestamp", "year")
    assert source.spans() == [2013, 2014, 2015, 2016]
    rows = 0
    for span in source.spans():
        source.write(span, tmp_path / f"{span}.parquet")
        rows += pq.read_metadata(tmp_path / f"{span}.parquet").num_rows
    assert rows == sum(1 for _ in (taxi_csv / "data.csv").open()) - 1


def test_digits_in_a_name_are_the_span(tmp_path: Path) -> None:
    (tmp_path / "sales-2013-01.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "sales-2013-02.csv").write_text("a,b\n3,z\n")
    source = FolderSource(tmp_path, None, "month")
    assert source.spans() == [201301, 201302]
    source.write(201301, tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_a_column_has_one_type_in_all_files(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / "2.csv").write_text("a\n1.5\n")
    source = FolderSource(tmp_path, None, "month")
    source.write(1, tmp_path / "out")
    assert pq.read_table(tmp_path / "out").to_pydict() == {"a": [1.0]}


@pytest.mark.parametrize(
    ("time", "span"),
    [("2013-04-05T23:30:00Z", 20130405), ("2013-04-05", 20130405), ("1365204600", 20130405)],
)
def test_times_are_timestamps_dates_or_seconds(tmp_path: Path, time: str, span: int) -> None:
    (tmp_path / "rows.csv").write_text(f"at,a\n{time},1\n")
    assert FolderSource(tmp_path, "at", "day").spans() == [span]


def test_changed_files_are_another_state(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a\n1\n")
    before = FolderSource(tmp_path, None, "month").fingerprint()
    (tmp_path / "2.csv").write_text("a\n2\n")
    assert FolderSource(tmp_path, None, "month").fingerprint() != before


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no \.csv or \.parquet files"):
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
    with pytest.raises(DataRefused, match="1 rows have no at"):
        FolderSource(tmp_path, "at", "day").spans()


def test_a_file_that_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_text("hello")
    with pytest.raises(DataRefused, match="not readable as parquet"):
        FolderSource(tmp_path, None, "day").spans()


def test_a_folder_source_needs_a_path() -> None:
    with pytest.raises(UsageError, match=r"source\.path"):
        open_source(SourceSettings(kind="folder"))
