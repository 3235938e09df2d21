"""Rows without a time are divided by a hash of their content."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataRefused, UsageError
from pipeline.settings.source import SourceSettings
from pipeline.sources import open_source
from pipeline.sources.layout import Layout, lay_out


@pytest.fixture
def rows() -> pd.DataFrame:
    random.seed(1)
    return pd.DataFrame({
        "customer": [random.randrange(200) for _ in range(2000)],
        "city": [random.choice(["서울", "Zürich", ""]) or None for _ in range(2000)],
        "amount": [random.choice([1.5, 2.0, None]) for _ in range(2000)],
        "late": [random.randrange(2) for _ in range(2000)],
    })  # fmt: skip


def _lay_out(folder: Path, path: str = "rides.csv", **settings: Any) -> Layout:
    source = SourceSettings(kind="folder", path=folder / path, **settings)
    return lay_out(open_source(source), folder / "data", source.span, source.window)


def _splits(layout: Layout) -> tuple[pd.DataFrame, pd.DataFrame]:
    train, evaluation = (
        pd.read_parquet(layout.base / str(layout.span) / split / "1.parquet")
        for split in ("train", "eval")
    )
    return train, evaluation


def _contents(rows: pd.DataFrame) -> list[str]:
    return sorted(map(str, rows.drop(columns=["_source_file", "_source_row"]).values.tolist()))


def test_every_row_is_in_one_split_and_equal_rows_are_in_the_same(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows.to_csv(tmp_path / "rides.csv", index=False)
    layout = _lay_out(tmp_path)
    train, evaluation = _splits(layout)
    expected = pd.read_csv(tmp_path / "rides.csv")
    assert sorted([*train._source_row, *evaluation._source_row]) == list(range(1, 2001))
    assert len(expected) == len(train) + len(evaluation)
    assert not set(_contents(train)) & set(_contents(evaluation))
    assert 0.1 < len(evaluation) / len(expected) < 0.3


def test_a_key_is_never_in_both_splits(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "rides.csv", index=False)
    train, evaluation = _splits(_lay_out(tmp_path, split_keys=["customer"]))
    assert not set(train.customer) & set(evaluation.customer)
    assert 20 < evaluation.customer.nunique() < 60


def test_a_row_keeps_its_split_in_another_order_file_and_format(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (second / "rides").mkdir(parents=True)
    rows.to_csv(first / "rides.csv", index=False)
    shuffled = rows.sample(frac=1, random_state=2)[["late", "amount", "city", "customer"]]
    # Whole numbers become numbers when one of them is missing.
    shuffled = shuffled.astype({"customer": float})
    for number, part in enumerate((shuffled[:700], shuffled[700:])):
        part.to_parquet(second / "rides" / f"part-{number}.parquet", index=False)
    kinds = {"late": int, "amount": float, "city": object, "customer": float}
    before, after = (
        [_contents(split[list(kinds)].astype(kinds).assign(_source_file="", _source_row=0))
         for split in _splits(layout)]
        for layout in (_lay_out(first), _lay_out(second, "rides", split="hash"))
    )  # fmt: skip
    assert before == after


def test_a_row_keeps_its_split_when_other_rows_come_and_go(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    for name, part in (("old", rows[:1500]), ("new", rows[300:])):
        (tmp_path / name).mkdir()
        part.to_csv(tmp_path / name / "rides.csv", index=False)
    old_train, old_eval = map(_contents, _splits(_lay_out(tmp_path / "old")))
    new_train, new_eval = map(_contents, _splits(_lay_out(tmp_path / "new")))
    assert not set(old_train) & set(new_eval)
    assert not set(old_eval) & set(new_train)


def test_the_fraction_is_of_the_rows_and_a_larger_one_moves_rows_one_way(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows.to_csv(tmp_path / "rides.csv", index=False)
    _, small = _splits(_lay_out(tmp_path, eval_fraction=0.1, split_keys=["customer"]))
    _, large = _splits(_lay_out(tmp_path, eval_fraction=0.5, split_keys=["customer"]))
    assert set(small.customer) < set(large.customer)


def test_content_is_not_ambiguous(tmp_path: Path) -> None:
    """Cells that join to one text are different rows."""
    (tmp_path / "rides.csv").write_text(
        "a,b\n" + "".join(f"{'x' * n},{'x' * (60 - n)}\n" for n in range(1, 60))
    )
    train, evaluation = _splits(_lay_out(tmp_path))
    assert len(train) and len(evaluation)


@pytest.mark.parametrize(
    ("name", "settings", "hashed"),
    [
        ("rides.csv", {}, True),
        ("여객.csv", {}, True),
        ("rides-201304.csv", {}, False),
        ("rides-201304.csv", {"split": "hash"}, True),
        ("rides-201304.csv", {"split_keys": ("a",)}, True),
        ("rides.csv", {"time_column": "a"}, False),
    ],
)
def test_a_single_file_without_digits_is_split_by_a_hash(
    tmp_path: Path, name: str, settings: dict[str, Any], hashed: bool
) -> None:
    (tmp_path / name).write_text("a,b\n" + "".join(f"2024-01-{n:02},{n}\n" for n in range(1, 29)))
    source = open_source(SourceSettings(kind="folder", path=tmp_path, **settings))
    assert hasattr(source, "split") is hashed
    assert source.spans() == ([1] if hashed else source.spans())


def test_the_line_about_the_data_names_the_keys_and_the_risk(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows.to_csv(tmp_path / "rides.csv", index=False)
    assert _lay_out(tmp_path, split_keys=["customer"]).describe(3) == (
        "train 80%, eval 20% of the rows by a hash of customer; this flatters a model on data that "
        "changes in time"
    )


def test_a_row_without_a_key_is_refused_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "rides.csv").write_text("id,a\n1,x\n,y\n2,z\n")
    with pytest.raises(DataRefused, match="1 rows have no value in id") as caught:
        _lay_out(tmp_path, split_keys=["id"])
    assert [(row.file, row.row, row.column) for row in caught.value.rows] == [
        ("rides.csv", "2", "id")
    ]


def test_a_key_that_is_no_column_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "rides.csv").write_text("customer,a\n1,x\n2,z\n")
    with pytest.raises(UsageError, match="no column custmer; did you mean customer"):
        _lay_out(tmp_path, split_keys=["custmer"])


@pytest.mark.parametrize("keys", [(), ("a",)])
def test_a_split_without_rows_is_refused(tmp_path: Path, keys: tuple[str, ...]) -> None:
    (tmp_path / "rides.csv").write_text("a,b\n1,x\n1,x\n")
    with pytest.raises(DataRefused, match=r"leaves no rows for (train|eval)"):
        _lay_out(tmp_path, split_keys=keys)
    assert not list((tmp_path / "data").rglob("*.parquet"))


def test_only_one_span_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "rides.csv").write_text("a\n" + "\n".join(map(str, range(40))) + "\n")
    assert _lay_out(tmp_path, span=1).span == 1
    with pytest.raises(UsageError, match="no span 7; a hash splits the rows") as caught:
        _lay_out(tmp_path, span=7)
    assert caught.value.next_step == "remove --span and source.span"


def test_settings_that_contradict_one_another_are_refused() -> None:
    for settings in (
        {"split": "hash", "time_column": "t"},
        {"split": "time", "split_keys": ("a",)},
        {"split_keys": ("a",), "time_column": "t"},
        {"eval_fraction": 0},
        {"eval_fraction": 1},
    ):
        with pytest.raises(ValueError):
            SourceSettings(kind="folder", path=Path("x"), **settings)  # type: ignore[arg-type]


def test_a_changed_split_is_laid_out_anew(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "rides.csv", index=False)
    layouts = [
        _lay_out(tmp_path, **settings)
        for settings in ({}, {}, {"eval_fraction": 0.3}, {"split_keys": ["customer"]})
    ]
    assert len({layout.base for layout in layouts}) == 3
    assert layouts[0] == layouts[1]
    assert (
        pq.read_schema(layouts[0].base / "1/train/1.parquet").field("customer").type == pa.int64()
    )
