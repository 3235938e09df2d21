"""Choosing spans, and writing them as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.sources.layout import Layout, lay_out


class _ThreeSpans:
    def __init__(self) -> None:
        self.written: list[int] = []

    remark = ""

    def spans(self) -> list[int]:
        return [1, 2, 3]

    def select(self, spans: Sequence[int]) -> _ThreeSpans:
        return self

    def fingerprint(self, span: int) -> str:
        return f"content of {span}"

    def in_place(self, span: int) -> None:
        return None

    def write(self, span: int, file: Path) -> None:
        self.written.append(span)
        file.write_text(str(span))


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_the_newest_span_is_evaluated_on_and_the_window_before_it_trained_on(
    tmp_path: Path,
) -> None:
    layout = lay_out(_ThreeSpans(), tmp_path, None, 2)
    assert layout == Layout(3, (1, 2), layout.base)
    assert layout.base.parent == tmp_path
    assert _names(layout.base / "3" / "train") == ["1.parquet", "2.parquet"]
    assert _names(layout.base / "3" / "eval") == ["3.parquet"]


def test_each_span_is_written_once_and_linked(tmp_path: Path) -> None:
    source = _ThreeSpans()
    lay_out(source, tmp_path, 2, 2)
    layout = lay_out(source, tmp_path, 3, 2)
    assert source.written == [1, 2, 3]
    [original] = (tmp_path / "spans").glob("1-*.parquet")
    assert (layout.base / "3" / "train" / "1.parquet").samefile(original)


def test_fewer_earlier_spans_are_a_shorter_window(tmp_path: Path) -> None:
    assert lay_out(_ThreeSpans(), tmp_path, 2, 9).train_spans == (1,)


def test_an_interrupted_write_is_written_again(tmp_path: Path) -> None:
    class Dies(_ThreeSpans):
        def write(self, span: int, file: Path) -> None:
            file.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lay_out(Dies(), tmp_path, 2, 1)
    layout = lay_out(_ThreeSpans(), tmp_path, 2, 1)
    assert (layout.base / "2" / "train" / "1.parquet").read_text() == "1"


def test_an_unknown_span_is_an_error_with_the_range_of_spans(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no span 7; the source has 1 to 3"):
        lay_out(_ThreeSpans(), tmp_path, 7, 1)


def test_the_first_span_has_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="span 1 is the first") as refused:
        lay_out(_ThreeSpans(), tmp_path, 1, 1)
    assert refused.value.next_step == "taxiway run --span 2"


def test_the_next_step_for_a_single_span_is_to_add_another(tmp_path: Path) -> None:
    class OneSpan(_ThreeSpans):
        def spans(self) -> list[int]:
            return [1]

    with pytest.raises(UsageError, match="span 1 is the first") as refused:
        lay_out(OneSpan(), tmp_path, None, 1)
    assert refused.value.next_step.startswith("add the rows of an earlier span")
