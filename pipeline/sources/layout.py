"""Choose the spans of a run, and write them as ExampleGen reads them: {SPAN}/train, {SPAN}/eval."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import DataRefused, UsageError
from pipeline.sources.base import Rows, Source
from pipeline.sources.files import provenance
from pipeline.sources.hash_split import HashedRows, HashedSource
from serving.storage import local

_MAX_SPAN = 2**31 - 1


@dataclass(frozen=True)
class Spans:
    """The spans of a run.

    Args:
      span: number of the span to evaluate on.
      train_spans: numbers of the spans to train on, oldest first.
      hash_split: one line about the hash split of the one span; default "" for spans by time.
    """

    span: int
    train_spans: tuple[int, ...]
    hash_split: str = field(default="", kw_only=True)

    def describe(self, window: int) -> str:
        """Return one line about the spans.

        Args:
          window: number of spans to train on that the settings request.
        """
        if self.hash_split:
            return self.hash_split
        first, last = self.train_spans[0], self.train_spans[-1]
        return (
            f"train {first}"
            + (f" to {last}" if last != first else "")
            + f", eval {self.span}"
            + ("" if len(self.train_spans) == window else "; no earlier spans")
        )


@dataclass(frozen=True)
class Layout(Spans):
    """The spans of a run, and the folder of their rows.

    Args:
      span: number of the span to evaluate on.
      train_spans: numbers of the spans to train on, oldest first.
      hash_split: one line about the hash split of the one span; default "" for spans by time.
      base: folder with one folder for every span, and in it one folder of Parquet files for every
        split.
      remark: what a user must know about the source; default "".
    """

    base: Path
    remark: str = ""

    def describe(self, window: int) -> str:
        """Return one line about the spans and the source.

        Args:
          window: number of spans to train on that the settings request.
        """
        return "; ".join(filter(None, [super().describe(window), self.remark]))

    @property
    def one_span_of(self) -> str:
        """Hash of the rows if they have no time, so that other rows have the same span; else ""."""
        return self.base.parent.name if self.hash_split else ""


def choose(source: Source, span: int | None, window: int) -> Spans:
    """Choose the spans of a run.

    Args:
      source: source of the rows.
      span: number of the span to evaluate on; None for the newest.
      window: maximum number of earlier spans to train on.

    Raises:
      UsageError: there is no such span, or no earlier span to train on.
      DataRefused: the source has no rows.
    """
    spans = source.spans()
    if not spans:
        raise DataRefused("the source has no rows.", "check the files in source.path")
    if isinstance(source, HashedSource):
        if span not in (None, *spans):
            raise UsageError(
                f"there is no span {span}; a hash splits the rows, so there is only span 1.",
                "remove --span and source.span",
            )
        return Spans(spans[0], (spans[0],), hash_split=source.split.describe())
    if spans[-1] > _MAX_SPAN:
        raise UsageError(
            f"span {spans[-1]} is too large; the maximum of TFX is {_MAX_SPAN}.",
            "name files by day, month or year (sales-20130401.csv), or set source.time_column",
        )
    chosen = spans[-1] if span is None else span
    if chosen not in spans:
        raise UsageError(
            f"there is no span {chosen}; the source has {spans[0]} to {spans[-1]}.",
            f"taxiway run --span {spans[-1]}",
        )
    earlier = tuple(spans[: spans.index(chosen)][-window:])
    if not earlier:
        raise UsageError(
            f"span {chosen} is the first; there is no earlier span to train on.",
            f"taxiway run --span {spans[1]}"
            if len(spans) > 1
            else "add the rows of an earlier span, or set a shorter source.period",
        )
    return Spans(chosen, earlier)


def lay_out(source: Source, root: Path, span: int | None, window: int) -> Layout:
    """Write a span and the spans before it as ExampleGen reads them.

    A span is written once, and every layout has hard links to it; existing files are not written
    again. A folder appears by one rename, so an interruption leaves no folder that looks complete.

    Args:
      source: source of the rows.
      root: folder for spans; it gets one sub-folder for every content of a window.
      span: number of the span to evaluate on; None for the newest.
      window: maximum number of earlier spans to train on.

    Returns:
      The spans and the folder of their rows.

    Raises:
      UsageError: there is no such span, or no earlier span to train on.
      DataRefused: the source has no rows.
    """
    spans = choose(source, span, window)
    numbers = tuple(dict.fromkeys((*spans.train_spans, spans.span)))
    rows = source.select(numbers)
    fingerprints = {number: rows.fingerprint(number) for number in numbers}
    content = hashlib.sha256(repr((spans, fingerprints)).encode()).hexdigest()
    base = root / content[:16]
    if isinstance(rows, HashedRows):
        base /= "hash"
        _write_splits(rows, base / str(spans.span))
        return Layout(
            spans.span, spans.train_spans, base, source.remark, hash_split=spans.hash_split
        )
    files = {number: _span_files(rows, number, root, fingerprints[number]) for number in numbers}
    _link(
        {
            "train": {number: files[number] for number in spans.train_spans},
            "eval": {spans.span: files[spans.span]},
        },
        base / str(spans.span),
    )
    remark = "; ".join(filter(None, [source.remark, rows.remark]))
    return Layout(spans.span, spans.train_spans, base, remark)


def _write_splits(rows: HashedRows, folder: Path) -> None:
    if not folder.exists():
        with _unfinished(folder) as unfinished:
            rows.write_splits(unfinished)


def _span_files(rows: Rows, span: int, root: Path, fingerprint: str) -> Mapping[str, Path]:
    """Return the span's files by the name of the source's file; "" if the file has all names."""
    file = root / "spans" / f"{span}-{fingerprint[:16]}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    in_place = None if file.exists() else rows.in_place(span)
    if in_place is not None and _can_link(in_place.values(), file.parent):
        return in_place
    if not file.exists():
        with local.replacement(file) as temporary:
            rows.write(span, temporary)
    return {"": file}


def _can_link(files: Iterable[Path], folder: Path) -> bool:
    device = folder.stat().st_dev
    return all(file.stat().st_dev == device for file in files)


def _link(splits: Mapping[str, Mapping[int, Mapping[str, Path]]], folder: Path) -> None:
    links: dict[str, Path] = {}
    names: dict[str, str] = {}
    for split, spans in splits.items():
        for span, files in spans.items():
            for index, (name, file) in enumerate(files.items()):
                link = f"{split}/{span}{f'-{index:05}' if len(files) > 1 else ''}.parquet"
                links[link] = file
                if name:
                    names[link] = name
    if not _has(folder, links):
        shutil.rmtree(folder, ignore_errors=True)
        with _unfinished(folder) as unfinished:
            for link, file in links.items():
                (unfinished / link).parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(file, unfinished / link)
            provenance.write(unfinished, names)
    elif provenance.read(folder) != names:  # a file has been renamed
        provenance.write(folder, names)


def _has(folder: Path, links: Mapping[str, Path]) -> bool:
    """Return whether a folder has the links; a file that is edited in place is another file."""
    if not folder.exists():
        return False
    if not provenance.read(folder):
        return True
    return all(
        (folder / link).exists() and (folder / link).samefile(file) for link, file in links.items()
    )


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Yield a new folder that gets its name when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".laying-out-", dir=folder.parent) as scratch:
        unfinished = Path(scratch, folder.name)
        yield unfinished
        unfinished.rename(folder)


def _link_or_copy(file: Path, link: Path) -> None:
    try:
        os.link(file, link)
    except OSError:  # a file system without hard links
        shutil.copy2(file, link)
