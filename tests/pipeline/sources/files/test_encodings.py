"""Text files of other encodings, and of other separators."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source

TABLE = "city,fare\n서울,1\nZürich,2\n"


def _read(folder: Path, content: bytes, name: str = "1.csv", **settings: Any) -> dict[str, Any]:
    data = folder / "data"
    data.mkdir()
    (data / name).write_bytes(content)
    source = open_source(SourceSettings(kind="folder", path=data, **settings))
    source.select([1]).write(1, folder / "out.parquet")
    table = pq.read_table(folder / "out.parquet")
    return {name: table[name].to_pylist() for name in table.column_names if name[0] != "_"}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("도시,요금\n서울,1\n부산,2\n", "cp949"),
        ("도시,요금\n서울,1\n부산,2\n", "euc-kr"),
        ("city,fare\nZürich,1\nKöln,2\n", "latin-1"),
        ("city,fare\n“Zürich”,1\n€,2\n", "cp1252"),
        ("都市,運賃\n東京,1\n表,2\n", "shift_jis"),
        (TABLE, "utf-16"),
        (TABLE, "utf-16-le"),
        (TABLE, "utf-16-be"),
        ("\ufeff" + TABLE, "utf-16-le"),
        (TABLE, "utf-32"),
        (TABLE, "utf-8-sig"),
        (TABLE, "UTF8"),
        (TABLE.replace("\n", "\r\n"), "utf-16"),
        (TABLE.replace("\n", "\r"), "utf-16"),
        ("city,fare\n" + "서울,1\n" * 300_000, "cp949"),
    ],
)
def test_an_encoding_is_read_as_pandas_reads_it(tmp_path: Path, text: str, encoding: str) -> None:
    content = text.encode(encoding)
    read = pd.read_csv(io.BytesIO(content), encoding=encoding).to_dict("list")
    expected = {str(name).removeprefix("\ufeff"): values for name, values in read.items()}
    assert _read(tmp_path, gzip.compress(content, 1), "1.csv.gz", encoding=encoding) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_json_lines_have_an_encoding_too(tmp_path: Path, encoding: str) -> None:
    content = '{"도시": "서울", "요금": "NA"}\n{"도시": "부산", "요금": 2}\n'.encode(encoding)
    read = _read(tmp_path, gzip.compress(content), "1.jsonl.gz", encoding=encoding)
    assert read == {"도시": ["서울", "부산"], "요금": [None, 2]}


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a,b\n1,2\nx\xff,3\n", "cp949", "1.csv, line 3: expected text in cp949, got the byte FF"),
        (b"a,b\n\x81,2\n", "cp1252", "1.csv, line 2: expected text in cp1252, got the byte 81"),
        (b"a,b\n1,2", "utf-16", "1.csv, line 1: expected text in utf-16"),
        (TABLE.encode(), "ascii", "1.csv, line 2: expected text in ascii, got the byte EC"),
        (TABLE.encode("utf-8-sig"), "latin-1", "line 1: .* latin-1, got the mark of UTF-8"),
    ],
)
def test_text_of_another_encoding_is_refused_with_its_line(
    tmp_path: Path, content: bytes, encoding: str, message: str
) -> None:
    with pytest.raises(DataRefused, match=message) as refused:
        _read(tmp_path, content, encoding=encoding)
    assert "source.encoding" in refused.value.next_step
    assert refused.value.rows[0].file == "1.csv"


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (TABLE.encode("utf-16"), 'encoding = "utf-16"'),
        ("도시,요금\n서울,1\n".encode("cp949"), "cp949"),
        ("city,fare\nZürich,1\n".encode("latin-1"), "latin-1"),
    ],
)
def test_text_that_is_no_utf_8_is_refused_with_the_setting(
    tmp_path: Path, content: bytes, cure: str
) -> None:
    with pytest.raises(DataRefused) as refused:
        _read(tmp_path, content)
    assert cure in refused.value.next_step


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("a;b\n1;x,y\n", None),
        ("a\tb\n1\tx;y\n", None),
        ('"a,b,c";d\n1;x\n', None),
        ("a|b\n1|x\n", None),
        ("a:b\n1:x\n", ":"),
        ("a,x;b,y\n1,2;3,4\n", ";"),
        ("a^b\n1^x\n", "^"),
        ("a b\n1 x\n", " "),
    ],
)
def test_a_delimiter_is_read_as_pandas_reads_it(
    tmp_path: Path, content: str, delimiter: str | None
) -> None:
    separator = delimiter or max(";\t|", key=content.count)
    expected = pd.read_csv(io.StringIO(content), sep=separator).to_dict("list")
    assert _read(tmp_path, content.encode(), delimiter=delimiter) == expected


@pytest.mark.parametrize(
    "cell", [b"\xff2024-01-01", b"2024\xe6\x00\x97", b"\xed\xa0\x80", b"2024-01-01\xc3"]
)
@pytest.mark.parametrize("time_column", ["at", None])
def test_other_bytes_in_any_column_are_refused(
    tmp_path: Path, cell: bytes, time_column: str | None
) -> None:
    (tmp_path / "r-2024-01.csv").write_bytes(b"c,at,d\nb,2024-01-02,2\na," + cell + b",1\n")
    settings = SourceSettings(kind="folder", path=tmp_path, time_column=time_column)
    with pytest.raises(DataRefused, match=r"r-2024-01\.csv: 1 malformed rows") as refused:
        source = open_source(settings)
        source.select(source.spans())
    assert [row.column for row in refused.value.rows] == ["at"]
