"""Which files of a folder are rows, and which are left out by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.sources.files.discovery import discover


def _names(folder: Path) -> list[str]:
    return [file.name for file in discover(folder).files]


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"a\n{name}\n")


@pytest.mark.parametrize(
    "suffix",
    [
        ".csv", ".CSV", ".Csv", ".tsv", ".csv.gz", ".CSV.GZ", ".csv.zst", ".tsv.gz", ".parquet",
        ".PARQUET", ".pq", ".jsonl", ".ndjson", ".jsonl.gz", ".NDJSON.ZST", ".arrow", ".feather",
        ".ipc", ".tfrecord", ".tfrecord.gz", ".c000.snappy.parquet",
    ],
)  # fmt: skip
def test_a_supported_suffix_is_read_in_any_case(tmp_path: Path, suffix: str) -> None:
    _touch(tmp_path, f"rides{suffix}")
    assert _names(tmp_path) == [f"rides{suffix}"]


@pytest.mark.parametrize(
    "name", ["a.txt", "a.xlsx", "a.csv.bz2", "a.parquet.gz", "a", "a.json", "csv", "a.csv~"]
)
def test_another_suffix_is_left_out_by_name(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "rides.csv", name)
    assert _names(tmp_path) == ["rides.csv"]
    assert discover(tmp_path).describe_left_out() == f"left out: {name}"


@pytest.mark.parametrize(
    "name",
    [
        ".ipynb_checkpoints/rides-checkpoint.csv", "_temporary/0/part-0.csv", ".hidden.csv",
        "_SUCCESS", "sub/._rides.csv", ".rides.csv.swp", "rides.parquet/.part-0.parquet.crc",
    ],
)  # fmt: skip
def test_hidden_names_are_left_out(tmp_path: Path, name: str) -> None:
    _touch(tmp_path, "rides.csv", name)
    assert _names(tmp_path) == ["rides.csv"]
    assert len(discover(tmp_path).left_out) == 1


@pytest.mark.parametrize("folder", ["rides-2024-01.parquet", "rides-2024-01.csv", "rides-2024-01"])
@pytest.mark.parametrize("part", ["part-00000-6f3a.c000.snappy", "part_1", "part.3"])
def test_parts_belong_to_the_table_that_their_folder_names(
    tmp_path: Path, folder: str, part: str
) -> None:
    _touch(tmp_path, f"{folder}/{part}.parquet", f"{folder}/_SUCCESS")
    [file] = discover(tmp_path).files
    assert (file.name, file.table) == (f"{folder}/{part}.parquet", folder)


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    _touch(tmp_path, "..2024_01_01/rides.csv")
    (tmp_path / "..data").symlink_to("..2024_01_01")
    (tmp_path / "rides.csv").symlink_to("..data/rides.csv")
    assert _names(tmp_path) == ["rides.csv"]


def test_linked_folders_are_followed_once_and_without_loops(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    data = tmp_path / "data"
    _touch(outside, "rides-1.csv")
    _touch(data, "rides-2.csv")
    (data / "more").symlink_to(outside)
    (data / "again").symlink_to(data)
    (outside / "back").symlink_to(data)
    (data / "copy.csv").symlink_to(outside / "rides-1.csv")
    os.link(data / "rides-2.csv", data / "second-name.csv")
    assert len(_names(data)) == 2
    assert "rides-2.csv" in _names(data)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    _touch(tmp_path, "rides.csv")
    (tmp_path / "lost.csv").symlink_to("nowhere.csv")
    assert discover(tmp_path).describe_left_out() == "left out: lost.csv (a link to nothing)"


def test_the_workspace_in_the_folder_is_no_data(tmp_path: Path) -> None:
    _touch(tmp_path, "rides.csv", "workspace/data/spans/1.parquet")
    discovery = discover(tmp_path, [tmp_path / "workspace"])
    assert [file.name for file in discovery.files] == ["rides.csv"]
    assert discovery.left_out == ("workspace/",)


def test_one_file_is_a_source(tmp_path: Path) -> None:
    _touch(tmp_path, "rides.csv", "other.parquet")
    assert _names(tmp_path / "rides.csv") == ["rides.csv"]


def test_what_lies_there_and_what_is_supported_are_named(tmp_path: Path) -> None:
    _touch(tmp_path, "rides.xlsx", *(f"{number}.txt" for number in range(9)))
    with pytest.raises(UsageError, match=r"0\.txt, 1\.txt.* and 5 more") as refused:
        discover(tmp_path)
    assert ".parquet" in refused.value.next_step


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the folder is empty"):
        discover(tmp_path)
    with pytest.raises(UsageError, match="no such file or folder"):
        discover(tmp_path / "nowhere")


def test_mixed_formats_are_refused_with_both_names(tmp_path: Path) -> None:
    _touch(tmp_path, "1.csv", "2.csv.gz", "3.parquet")
    with pytest.raises(UsageError, match=r"1\.csv is CSV, 3\.parquet is Parquet"):
        discover(tmp_path)


def test_a_name_that_a_terminal_cannot_show_is_escaped(tmp_path: Path) -> None:
    _touch(tmp_path, "rides.csv", "a\x1b[31m.txt")
    assert discover(tmp_path).describe_left_out() == "left out: a\\x1b[31m.txt"
