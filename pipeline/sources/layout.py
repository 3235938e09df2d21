"""Spans on disk, as ExampleGen reads them: {SPAN}/train and {SPAN}/eval."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataRefused, UsageError
from pipeline.sources.base import Source
from serving.storage import local

_MAX_SPAN = 2**31 - 1


@dataclass(frozen=True)
class Spans:
    """Say which spans a run sees.

    Args:
      span: the span to evaluate on.
      train_spans: the spans to train on, oldest first.
    """

    span: int
    train_spans: tuple[int, ...]

    def in_words(self, window: int) -> str:
        """Say which spans a run sees.

        Args:
          window: how many to train on were wanted.
        """
        first, last = self.train_spans[0], self.train_spans[-1]
        return (
            f"train {first}"
            + (f" to {last}" if last != first else "")
            + f", eval {self.span}"
            + ("" if len(self.train_spans) == window else "; no earlier spans")
        )


@dataclass(frozen=True)
class Layout(Spans):
    """Say where a run's rows are.

    Args:
      span: the span to evaluate on.
      train_spans: the spans to train on, oldest first.
      base: folder of spans, each with a folder of Parquet files for each split.
    """

    base: Path


def choose(source: Source, span: int | None, window: int) -> Spans:
    """Find the spans that a run sees.

    Args:
      source: of the rows.
      span: to evaluate on; None means the newest.
      window: how many earlier spans to train on, at most.

    Raises:
      UsageError: there is no such span, or none before it to train on.
      DataRefused: there are no rows at all.
    """
    spans = source.spans()
    if not spans:
        raise DataRefused("the source has no rows.", "look at the files under source.path")
    if spans[-1] > _MAX_SPAN:
        raise UsageError(
            f"span {spans[-1]} is too long a number; TFX takes up to {_MAX_SPAN}.",
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
            else "add the rows of an earlier span, or cut them into shorter ones: source.period",
        )
    return Spans(chosen, earlier)


def lay_out(source: Source, root: Path, span: int | None, window: int) -> Layout:
    """Put a span and the ones before it where ExampleGen finds them.

    Each span is written once and hard-linked from there; what exists is used as it is. A folder
    appears in one rename, so that an interruption leaves nothing that looks complete.

    Args:
      source: of the rows.
      root: folder for spans; one sub-folder for each state of the source.
      span: to evaluate on; None means the newest.
      window: how many earlier spans to train on, at most.

    Returns:
      Where the rows are.

    Raises:
      UsageError: there is no such span, or none before it to train on.
      DataRefused: there are no rows at all.
    """
    seen = choose(source, span, window)
    state = root / source.fingerprint()[:12]
    base = state / f"window-{window}"
    _link(
        {
            "train": [_written(source, each, state / "spans") for each in seen.train_spans],
            "eval": [_written(source, seen.span, state / "spans")],
        },
        base / str(seen.span),
    )
    return Layout(seen.span, seen.train_spans, base)


def _written(source: Source, span: int, folder: Path) -> Path:
    file = folder / f"{span}.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with local.replacement(file) as temporary:
            source.write(span, temporary)
    return file


def _link(splits: dict[str, list[Path]], folder: Path) -> None:
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".laying-out-", dir=folder.parent) as unfinished:
        span = Path(unfinished, folder.name)
        for split, files in splits.items():
            (span / split).mkdir(parents=True)
            for file in files:
                _link_or_copy(file, span / split / file.name)
        span.rename(folder)


def _link_or_copy(file: Path, link: Path) -> None:
    try:
        os.link(file, link)
    except OSError:  # a file system without hard links
        shutil.copy2(file, link)
