"""Every format is read as the same table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused
from pipeline.sources.folder import FolderSource

_ROWS = [(1, 1.5, "서울"), (2, None, 'Zürich, "Süd"')]
_CITY = '"Zürich, ""Süd"""'
_TSV = f"id\tkm\tcity\n1\t1.5\t서울\n2\t\t{_CITY}\n".encode()
_CSV = 'id,km,city\n1,1.5,서울\n2,,"Zürich, ""Süd"""\n'.encode()
_JSON = (
    '{"id":1,"km":1.5,"city":"서울"}\n\n{"id":2,"km":null,"city":"Zürich, \\"Süd\\""}\n'
).encode()


def read(folder: Path, span: int = 1, **settings: Any) -> dict[str, list[Any]]:
    """Read the rows of a span without their origin."""
    rows = FolderSource(folder, None, "month", **settings).select([span])
    out = folder.parent / "out"
    files = rows.in_place(span)
    if files is None:
        rows.write(span, out)
        files = {"": out}
    table = pa.concat_tables(pq.read_table(file, partitioning=None) for file in files.values())
    return {
        name: table[name].to_pylist()
        for name in table.column_names
        if not name.startswith("_source_")
    }


def _zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def _arrow(file: bool) -> bytes:
    table = _table()
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _table() -> pa.Table:
    columns = list(zip(*_ROWS))
    return pa.table({
        "id": columns[0], "km": columns[1], "city": pa.array(columns[2]).dictionary_encode(),
    })  # fmt: skip


def _feather(path: Path, **options: Any) -> bytes:
    feather.write_feather(_table(), str(path), **options)
    return path.read_bytes()


def _tfrecord(path: Path, compression: str = "") -> bytes:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for number, km, city in _ROWS:
            example = tf.train.Example()
            example.features.feature["id"].int64_list.value.append(number)
            if km is not None:
                example.features.feature["km"].float_list.value.append(km)
            example.features.feature["city"].bytes_list.value.append(city.encode())
            writer.write(example.SerializeToString())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("csv", lambda _: _CSV),
        (
            "TSV",
            lambda _: (
                b"id\tkm\tcity\n1\t1.5\t\xec\x84\x9c\xec\x9a\xb8\n"
                + '2\t\t"Zürich, ""Süd"""\n'.encode()
            ),
        ),
        ("csv.gz", lambda _: gzip.compress(_CSV)),
        ("csv.gz", lambda _: gzip.compress(_CSV[:20]) + gzip.compress(_CSV[20:])),
        ("csv.zst", lambda _: _zstd(_CSV)),
        ("jsonl", lambda _: _JSON),
        ("ndjson.gz", lambda _: gzip.compress(_JSON)),
        ("jsonl.zst", lambda _: _zstd(_JSON)),
        ("arrow", lambda _: _arrow(True)),
        ("ipc", lambda _: _arrow(False)),
        ("feather", _feather),
        ("feather", lambda path: _feather(path, version=1)),
        ("feather", lambda path: _feather(path, compression="zstd")),
        ("tfrecord", _tfrecord),
        ("tfrecord.gz", lambda path: _tfrecord(path, "GZIP")),
    ],
)
def test_formats_have_the_same_rows(
    tmp_path: Path, suffix: str, content: Callable[[Path], bytes]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    data = content(tmp_path / "file")
    (folder / f"1.{suffix}").write_bytes(data)
    assert {name: read(folder)[name] for name in ("id", "km", "city")} == {
        "id": [1, 2], "km": [1.5, None], "city": [city for *_, city in _ROWS],
    }  # fmt: skip


_HARD_NAMES = [
    "rides[1]", "rides1", "*", "**", "a?c", "{SPAN}", "it's \"1\"", " 1 ", "여객 1", "%2e",
    "a;b", "$HOME", "back\\slash", "1'); DROP TABLE x; --",
]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "arrow"])
def test_names_are_never_patterns(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "rides [v1] {SPAN} it's"
    folder.mkdir()
    for name in _HARD_NAMES:
        file = folder / f"{name} 1.{suffix}"
        table = pa.table({"name": [name]})
        if suffix == "parquet":
            pq.write_table(table, str(file))
        elif suffix == "arrow":
            feather.write_feather(table, str(file))
        elif suffix == "csv":
            file.write_text('name\n"' + name.replace('"', '""') + '"\n', encoding="utf-8")
        else:
            file.write_text(json.dumps({"name": name}) + "\n", encoding="utf-8")
    source = FolderSource(folder, None, "month", one_span=True)
    out = tmp_path / "out.parquet"
    source.select([1]).write(1, out)
    assert sorted(pq.read_table(out)["name"].to_pylist()) == sorted(_HARD_NAMES)


@pytest.mark.parametrize(
    ("content", "a"),
    [
        (b"a,b\r1,x\r2,y\r", [1, 2]),
        (b"a,b\r\n1,x\n2,y\r\n", [1, 2]),
        (b"a,b\n1,x\r2,y\n", [1, 2]),
        (b"a,b\r1,x\n2,y", [1, 2]),
        (b'a,b\r\n1,"x\ny"\r\n2,"z\rw"\r\n', [1, 2]),
        (b"a,b\n1,x\r\n2,y\r\r", [1, 2]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_lines_may_end_in_any_way(
    tmp_path: Path, content: bytes, a: list[int], suffix: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    data = gzip.compress(content) if suffix.endswith("gz") else content
    (folder / f"1.{suffix}").write_bytes(data)
    assert read(folder)["a"] == a


def test_line_ends_in_cells_stay_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "1.csv").write_bytes(b'a,b\r1,"x\r\ny\rz\n"\r2,w\n')
    assert read(folder)["b"] == ["x\r\ny\rz\n", "w"]


@pytest.mark.parametrize(
    ("line", "actual"),
    [
        ('{"a": 2,', "not JSON"),
        ("[1, 2]", "no JSON object"),
        ('{"a": 1, "a": 2}', "an object with a repeated key"),
        ("5", "no JSON object"),
    ],
)
def test_a_malformed_json_line_is_refused_with_its_number(
    tmp_path: Path, line: str, actual: str
) -> None:
    (tmp_path / "1.jsonl").write_text(f'{{"a": 1}}\n{line}\n{{"a": 3}}\n')
    with pytest.raises(DataRefused) as refused:
        FolderSource(tmp_path, None, "month").select([1])
    [row] = refused.value.rows
    assert (row.file, row.row) == ("1.jsonl", "line 2")
    assert row.actual.startswith(actual)


@pytest.mark.parametrize(
    "suffix", ["arrow", "tfrecord", "csv.gz", "csv.zst", "jsonl.gz", "parquet"]
)
@pytest.mark.parametrize("content", [b"", b"not what the name says\n", b"\x1f\x8b\x08\x00half"])
def test_a_damaged_file_is_refused_with_its_name(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    (tmp_path / f"1.{suffix}").write_bytes(content)
    with pytest.raises(DataRefused, match=rf"^1\.{suffix}"):
        FolderSource(tmp_path, None, "month").select([1])


def _write(folder: Path, suffix: str, names: list[str]) -> None:
    if suffix == "csv":
        (folder / "1.csv").write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    elif suffix == "jsonl":
        (folder / "1.jsonl").write_text("{" + ", ".join(f'"{name}": 1' for name in names) + "}\n")
    else:
        table = pa.Table.from_arrays([pa.array([1])] * len(names), names=names)
        if suffix == "parquet":
            pq.write_table(table, str(folder / "1.parquet"))
        else:
            feather.write_feather(table, str(folder / "1.arrow"))


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "arrow"])
@pytest.mark.parametrize(
    "names", [["Age", "age"], ["Ä", "x", "ä"], ["_source_file"], ["_Source_x"]]
)
def test_ambiguous_column_names_are_refused_with_the_file(
    tmp_path: Path, suffix: str, names: list[str]
) -> None:
    _write(tmp_path, suffix, names)
    with pytest.raises(DataRefused, match=rf"^1\.{suffix}, column {names[-1]}:") as refused:
        FolderSource(tmp_path, None, "month").select([1])
    assert names[0] in str(refused.value)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", "arrow"])
def test_columns_may_have_the_names_of_a_readers_own(tmp_path: Path, suffix: str) -> None:
    names = ["file_row_number", "filename", "rows", "part", "a.b", 'quo"te', "select", "key"]
    if suffix != "csv" and suffix != "jsonl":
        names.append("comma, and space ")
    folder = tmp_path / "data"
    folder.mkdir()
    _write(
        folder,
        suffix,
        [name for name in names if suffix not in ("csv", "jsonl") or '"' not in name],
    )
    expected = [name for name in names if suffix not in ("csv", "jsonl") or '"' not in name]
    assert read(folder) == {name: [1] for name in expected}


def test_columns_of_two_files_that_differ_by_case_are_refused(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("Age\n1\n")
    (tmp_path / "2.csv").write_text("age\n1\n")
    with pytest.raises(DataRefused, match=r"Age \(1\.csv\) and age \(2\.csv\)"):
        FolderSource(tmp_path, None, "month").select([1, 2])


def test_hive_folders_are_columns_only_when_asked(tmp_path: Path) -> None:
    for city in ("Seoul", "S%C3%A3o%20Paulo", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "data" / f"city={city}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"a": [1]}), str(folder / "part-1.parquet"))
    settings = {"one_span": True}
    assert read(tmp_path / "data", **settings) == {"a": [1, 1, 1]}
    rows = read(tmp_path / "data", **settings, hive=True)
    assert sorted(map(str, rows["city"])) == ["None", "Seoul", "São Paulo"]


def test_a_hive_folder_never_overwrites_the_files_column(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "city=Seoul"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"city": ["Busan"]}), str(folder / "part-1.parquet"))
    assert read(tmp_path / "data", one_span=True) == {"city": ["Busan"]}
    with pytest.raises(DataRefused, match=r"city=Seoul/part-1\.parquet, column city"):
        read(tmp_path / "data", one_span=True, hive=True)


def test_a_feature_with_two_values_is_refused_with_its_row(tmp_path: Path) -> None:
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["a"].int64_list.value.extend([1, 2])
    with tf.io.TFRecordWriter(str(tmp_path / "1.tfrecord")) as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(DataRefused, match="row 1, column a: expected one value, got 2"):
        FolderSource(tmp_path, None, "month").select([1])
