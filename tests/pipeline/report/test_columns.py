"""The columns that changed most, from the statistics of both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.report import columns
from tests.pipeline.report.conftest import write_statistics


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """Statistics of a split, and of a split in which some columns changed."""
    draw = np.random.default_rng(1)
    train = pd.DataFrame({
        "still": draw.normal(size=2000),
        "part": draw.normal(size=2000),
        "gone": draw.normal(size=2000),
        "moved": draw.normal(size=2000),
        "carrier": draw.choice(["AA", "UA"], 2000, p=[0.5, 0.5]),
        "text to number": ["1"] * 2000,
        "always": [1.0] * 2000,
    })  # fmt: skip
    eval_ = train.assign(
        moved=train["moved"] + 9, carrier=draw.choice(["AA", "ZZ"], 2000, p=[0.9, 0.1])
    ).assign(**{"text to number": 1})
    eval_.loc[:499, "part"] = None
    eval_.loc[:, "gone"] = pd.Series([None] * 2000, dtype=float)
    return write_statistics(tmp_path, {"train": train, "eval": eval_})


def test_the_column_that_changed_most_comes_first(statistics: Path) -> None:
    by_name = {column.name: column for column in columns.by_distance(statistics)}
    assert list(by_name) == ["gone", "moved", "carrier", "part", "still"]
    assert by_name["gone"].distance == pytest.approx(1)  # no value in one, always one in the other
    assert by_name["moved"].distance > 0.95
    assert 0.1 < by_name["part"].distance < 0.2
    assert by_name["part"].missing == (0.0, 0.25)
    assert by_name["still"].distance < 0.02
    carrier = by_name["carrier"]
    assert sorted(carrier.values) == ["AA", "UA", "ZZ"]
    shares = dict(zip(carrier.values, carrier.eval))
    assert shares["UA"] == 0 and 0.85 < shares["AA"] < 0.95


def test_shares_of_both_splits_are_of_the_rows_that_have_a_value(statistics: Path) -> None:
    for column in columns.by_distance(statistics):  # none has far outliers
        assert sum(column.train) == pytest.approx(1)
        assert sum(column.eval) == pytest.approx(0 if column.name == "gone" else 1)
        assert len(column.edges) in (0, len(column.train) + 1)


def test_a_frequent_value_that_is_new_is_among_those_shown(tmp_path: Path) -> None:
    train = pd.DataFrame({"carrier": [f"C{number:02d}" for number in range(40)] * 2})
    eval_ = pd.DataFrame({"carrier": ["NEW"] * 60 + ["C00"] * 20})
    [carrier] = columns.by_distance(write_statistics(tmp_path, {"train": train, "eval": eval_}))
    assert (len(carrier.values), carrier.values[0]) == (8, "NEW")
    assert (carrier.train[0], carrier.eval[0]) == (0, 0.75)


def test_an_outlier_alone_does_not_change_a_column(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    train, eval_ = (draw.exponential(5, 5000) for _ in range(2))
    train[0] = 10_000
    frames = {"train": pd.DataFrame({"miles": train}), "eval": pd.DataFrame({"miles": eval_})}
    [miles] = columns.by_distance(write_statistics(tmp_path, frames))
    assert miles.distance < 0.01
    assert miles.edges[-1] < 20
    assert max(abs(a - b) for a, b in zip(miles.train, miles.eval)) < 0.05


@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5, 1.0, 3.0])
def test_the_distance_is_that_of_the_rows(tmp_path: Path, shift: float) -> None:
    draw = np.random.default_rng(3)
    train, eval_ = draw.normal(size=5000), draw.normal(size=5000) + shift
    frames = {"train": pd.DataFrame({"x": train}), "eval": pd.DataFrame({"x": eval_})}
    [column] = columns.by_distance(write_statistics(tmp_path, frames))
    edges = np.linspace(train.min(), train.max(), 11)
    edges = np.concatenate([[-np.inf], edges[:-1], [np.nextafter(edges[-1], 9), np.inf]])
    one, other = (np.histogram(split, edges)[0] / 5000 for split in (train, eval_))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [shares * np.log2(2 * shares / (one + other)) for shares in (one, other)]
    assert column.distance == pytest.approx(np.nansum(terms) / 2, abs=0.01)


def test_a_value_that_most_rows_have_is_compared_too(tmp_path: Path) -> None:
    train = pd.DataFrame({"rain": [0.0] * 900 + [1.0, 2.0] * 50})
    eval_ = pd.DataFrame({"rain": [0.0] * 500 + [1.0, 2.0] * 250})
    [rain] = columns.by_distance(write_statistics(tmp_path, {"train": train, "eval": eval_}))
    assert rain.distance == pytest.approx(0.147, abs=0.01)  # of 90 % and 50 % without rain


def test_a_column_with_an_outlier_can_change(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    train, eval_ = draw.exponential(5, 5000), draw.exponential(15, 5000)
    frames = {}
    for split, miles in (("train", train), ("eval", eval_)):
        miles[0] = 10_000
        frames[split] = pd.DataFrame({"miles": miles})
    [column] = columns.by_distance(write_statistics(tmp_path, frames))
    assert column.distance == pytest.approx(0.14, abs=0.03)
