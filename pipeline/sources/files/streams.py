"""Read the bytes of text files, compressed or not, and unify their line ends."""

from __future__ import annotations

import codecs
import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.sources.files.discovery import Compression, DataFile

_CHUNK = 4 << 20
_QUOTE, _CR, _LF = b'"\r\n'


@dataclass(frozen=True)
class LineEnds:
    """What a text file's bytes contain.

    Args:
      lf: number of line feeds that follow no carriage return.
      cr: number of carriage returns that no line feed follows.
      crlf: number of pairs.
      nul: whether there is a NUL byte.
      utf_8: whether all bytes are UTF-8.
    """

    lf: int
    cr: int
    crlf: int
    nul: bool
    utf_8: bool

    @property
    def mixed(self) -> bool:
        """Whether lines end in other ways than one of LF and CRLF; cells may contain them too."""
        return bool(self.cr or (self.lf and self.crlf))


@contextmanager
def open_bytes(path: Path, compression: Compression) -> Iterator[pa.NativeFile]:
    """Open a file to read its decompressed bytes.

    Args:
      path: path of the file.
      compression: compression of the file; "" for none.

    Yields:
      The stream.
    """
    with pa.OSFile(str(path), "rb") as raw:
        if not compression:
            yield raw
            return
        with pa.CompressedInputStream(raw, compression) as stream:
            yield stream


def copy_path(scratch: Path, file: DataFile) -> Path:
    """Return the path for a converted copy of a file.

    Args:
      scratch: folder for copies.
      file: the file.
    """
    name = hashlib.sha256(file.name.encode(errors="surrogateescape")).hexdigest()[:16]
    return scratch / f"{name}-{uuid.uuid4().hex[:8]}"


def line_ends(path: Path, compression: Compression) -> LineEnds:
    """Count the line ends in a file, within cells too.

    Args:
      path: path of the file.
      compression: compression of the file; "" for none.
    """
    lf = cr = crlf = 0
    nul, utf_8 = False, True
    last = b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(path, compression) as stream:
        while chunk := stream.read(_CHUNK):
            nul = nul or b"\0" in chunk
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                utf_8 = False
                decoder.reset()
            lf += chunk.count(b"\n")
            if b"\r" in chunk or last == b"\r":
                cr += chunk.count(b"\r")
                crlf += (last + chunk).count(b"\r\n")
            last = chunk[-1:]
    # A character that the end of the file cuts stays in the decoder.
    utf_8 = utf_8 and not decoder.getstate()[0]
    return LineEnds(lf - crlf, cr - crlf, crlf, nul, utf_8)


def write_with_lf(path: Path, compression: Compression, target: Path) -> None:
    """Write a file's text uncompressed, with LF at the end of every line.

    Line ends within quotes belong to a cell and stay as they are.

    Args:
      path: path of the file.
      compression: compression of the file; "" for none.
      target: path of the new file.
    """
    quoted = False
    after_cr = False
    with open_bytes(path, compression) as stream, target.open("wb") as output:
        while chunk := stream.read(_CHUNK):
            values = np.frombuffer(chunk, np.uint8)
            quotes = np.cumsum(values == _QUOTE) + quoted
            outside = quotes % 2 == 0
            previous = np.empty(len(values), bool)
            previous[0] = after_cr
            np.equal(values[:-1], _CR, out=previous[1:])
            previous[1:] &= outside[:-1]
            keep = ~((values == _LF) & previous & outside)
            output.write(np.where((values == _CR) & outside, _LF, values)[keep].astype(np.uint8))
            quoted = bool(quotes[-1] % 2)
            after_cr = bool(values[-1] == _CR and outside[-1])


def lines(stream: pa.NativeFile) -> Iterator[bytes]:
    """Yield the lines of a stream without their LF.

    Args:
      stream: stream of bytes.

    Yields:
      A line.
    """
    rest = b""
    while chunk := stream.read(_CHUNK):
        *complete, rest = (rest + chunk).split(b"\n")
        yield from complete
    if rest:
        yield rest
