"""Convert text files of other encodings to UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

from pipeline.errors import DataRefused
from pipeline.findings import RejectedRow
from pipeline.sources.files import streams
from pipeline.sources.files.discovery import DataFile

_CHUNK = 4 << 20
_UTF_8 = ("utf-8", "utf-8-sig")
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_utf_8(encoding: str) -> bool:
    """Return whether an encoding is UTF-8, with or without a byte-order mark.

    Args:
      encoding: name of the encoding in Python.
    """
    return codecs.lookup(encoding).name in _UTF_8


def write_as_utf_8(file: DataFile, encoding: str, target: Path) -> None:
    """Write a file's text in UTF-8, uncompressed and without a byte-order mark.

    Args:
      file: the file.
      encoding: name of the file's encoding in Python.
      target: path of the new file.

    Raises:
      DataRefused: the file has another encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    first = True
    with streams.open_bytes(file.path, file.compression) as stream, target.open("wb") as output:
        chunk = b"\0"
        while chunk:
            chunk = stream.read(_CHUNK)
            if first and chunk.startswith(codecs.BOM_UTF8):
                raise _refused(file, encoding, 1, "the mark of UTF-8")
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                if isinstance(error, UnicodeDecodeError):
                    before = error.object[: error.start].decode(encoding, "ignore")
                    byte = error.object[error.start : error.start + 1].hex().upper()
                    actual = f"the byte {byte}"
                else:
                    before, actual = "", "other bytes"
                raise _refused(file, encoding, lines + before.count("\n"), actual) from error
            output.write(text.removeprefix("\ufeff" if first else "").encode())
            lines += text.count("\n")
            first = first and not text


def suggest(content: bytes) -> str:
    """Return what to do about a text that is not in UTF-8.

    Args:
      content: the first bytes of the file.
    """
    if content.startswith(_UTF_16_MARKS):
        return 'set source.encoding = "utf-16", or write the file in UTF-8'
    return "set source.encoding, such as cp949 or latin-1, or write the file in UTF-8"


def _refused(file: DataFile, encoding: str, line: int, actual: str) -> DataRefused:
    expected = f"text in {encoding}"
    return DataRefused(
        f"{file.name}, line {line}: expected {expected}, got {actual}.",
        "fix source.encoding, or write the file in that encoding",
        rows=(RejectedRow(file.name, f"line {line}", "", actual, expected),),
    )
