"""A span is identified by the content of its rows, and history is not read again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.files import readers
from pipeline.sources.layout import Layout, lay_out


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for month in range(1, 5):
        rows = "".join(f"2024-{month:02}-{day:02},{day},city {day % 3}\n" for day in range(1, 20))
        (folder / f"rides-2024-{month:02}.csv").write_text("at,km,city\n" + rows)
    return folder


def _lay_out(data: Path, workspace: Path, time_column: str | None = None) -> Layout:
    settings = SourceSettings(kind="folder", path=data, window=2, time_column=time_column)
    return lay_out(open_source(settings, {}, workspace), workspace / "data", None, 2)


def _rename(data: Path) -> None:
    for file in data.iterdir():
        file.rename(file.with_name(file.name.replace("-", "_").replace("rides", "trips")))


def _reorder(data: Path) -> None:
    for file in data.iterdir():
        header, *rows = file.read_text().splitlines()
        file.write_text("\n".join([header, *reversed(rows)]) + "\n")


def _copy_back(data: Path) -> None:
    for file in list(data.iterdir()):
        shutil.copyfile(file, data / ".copy")
        file.unlink()
        (data / ".copy").rename(file)


def _compress(data: Path) -> None:
    import gzip

    for file in list(data.iterdir()):
        (data / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()


def _change_outside_the_window(data: Path) -> None:
    (data / "rides-2024-01.csv").write_text("at,km,city\n2024-01-01,1.5,other\n")


def _touch(data: Path) -> None:
    for file in data.iterdir():
        os.utime(file, (1, 1))


@pytest.mark.parametrize(
    "change", [_touch, _rename, _reorder, _copy_back, _compress, _change_outside_the_window]
)
@pytest.mark.parametrize("time_column", [None, "at"])
def test_the_same_rows_are_the_same_data(
    data: Path, workspace: Path, change: Callable[[Path], None], time_column: str | None
) -> None:
    before = _lay_out(data, workspace, time_column)
    change(data)
    assert _lay_out(data, workspace, time_column) == before


@pytest.mark.parametrize(
    ("old", "new"), [("city 1", "city 2"), (",7,", ",8,"), ("km", "miles"), (",7,city", ",,city")]
)
def test_other_rows_are_other_data(data: Path, workspace: Path, old: str, new: str) -> None:
    before = _lay_out(data, workspace)
    file = data / "rides-2024-03.csv"
    file.write_text(file.read_text().replace(old, new, 1))
    assert _lay_out(data, workspace).base != before.base


def test_cells_that_change_places_are_other_data(data: Path, workspace: Path) -> None:
    file = data / "rides-2024-04.csv"
    file.write_text("km,city\n1,a\n2,b\n")
    before = _lay_out(data, workspace)
    file.write_text("km,city\n1,b\n2,a\n")
    assert _lay_out(data, workspace).base != before.base


@pytest.mark.parametrize("time_column", [None, "at"])
def test_a_new_month_reads_one_file(
    data: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch, time_column: str | None
) -> None:
    for file in data.iterdir():
        os.utime(file, (1, 1))
    _lay_out(data, workspace, time_column)
    rows = (data / "rides-2024-04.csv").read_text().replace("2024-04", "2024-05")
    (data / "rides-2024-05.csv").write_text(rows)
    opened = []
    stock = readers.open_table

    def recording(database: object, file: object, *args: object) -> object:
        opened.append(file.name)  # type: ignore[attr-defined]
        return stock(database, file, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "open_table", recording)
    layout = _lay_out(data, workspace, time_column)
    assert (layout.span, layout.train_spans) == (202405, (202403, 202404))
    assert opened == ["rides-2024-05.csv"]


def test_scratch_of_a_killed_run_is_removed_after_a_day(data: Path, workspace: Path) -> None:
    folders = [workspace / "data" / f".scratch-{name}" for name in ("old", "recent")]
    for folder in folders:
        folder.mkdir(parents=True)
    os.utime(folders[0], (1, 1))
    _lay_out(data, workspace)
    assert [folder.exists() for folder in folders] == [False, True]
    assert list((workspace / "data").glob(".scratch-*")) == folders[1:]


@pytest.fixture
def months(tmp_path: Path) -> Path:
    folder = tmp_path / "months"
    folder.mkdir()
    for month in (1, 2, 3):
        table = pa.table({"km": [1.5, 2.0 * month], "city": ["서울", None], "late": [0, 1]})
        pq.write_table(table, str(folder / f"2024-0{month}.parquet"))
    return folder


def test_parquet_in_spans_is_linked_and_not_copied(months: Path, workspace: Path) -> None:
    layout = _lay_out(months, workspace)
    link = layout.base / "202403" / "eval" / "202403.parquet"
    assert link.samefile(months / "2024-03.parquet")
    assert not list((workspace / "data" / "spans").iterdir())


def test_an_edit_in_place_does_not_stay_in_an_earlier_layout(months: Path, workspace: Path) -> None:
    file = months / "2024-03.parquet"
    original = file.read_bytes()
    before = _lay_out(months, workspace)
    table = pa.table({"km": [9.5, 9.5], "city": ["x", "y"], "late": [1, 1]})
    pq.write_table(table, str(file))  # into the same file, which the layout links to
    assert _lay_out(months, workspace).base != before.base
    file.unlink()
    file.write_bytes(original)
    again = _lay_out(months, workspace)
    assert again == before
    assert pq.read_table(str(again.base / "202403/eval/202403.parquet"))["late"].to_pylist() == [
        0, 1,
    ]  # fmt: skip


def test_parquet_of_another_type_is_converted(months: Path, workspace: Path) -> None:
    table = pa.table({"km": pa.array([1, 2], pa.int8()), "city": ["a", "b"], "late": [0, 1]})
    pq.write_table(table, str(months / "2024-02.parquet"))
    layout = _lay_out(months, workspace)
    read = pq.read_table(str(layout.base / "202403" / "train" / "202402.parquet"))
    assert read["km"].type == pa.float64()
    assert read["_source_file"].to_pylist() == ["2024-02.parquet"] * 2
