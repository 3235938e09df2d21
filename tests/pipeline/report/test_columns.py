"""Which columns moved, from the statistics of both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.report import columns
from tests.pipeline.report.conftest import write_statistics


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """Statistics of a split, and of one in which some columns moved."""
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


def test_the_column_that_moved_most_comes_first(statistics: Path) -> None:
    found = {each.name: each for each in columns.moved(statistics)}
    assert list(found) == ["gone", "moved", "carrier", "part", "still"]
    assert found["gone"].distance == pytest.approx(1)  # no value in one, always one in the other
    assert found["moved"].distance > 0.95
    assert 0.1 < found["part"].distance < 0.2
    assert found["part"].missing == (0.0, 0.25)
    assert found["still"].distance < 0.02
    carrier = found["carrier"]
    assert sorted(carrier.values) == ["AA", "UA", "ZZ"]
    shares = dict(zip(carrier.values, carrier.eval))
    assert shares["UA"] == 0 and 0.85 < shares["AA"] < 0.95


def test_shares_of_both_splits_are_of_the_rows_that_have_a_value(statistics: Path) -> None:
    for column in columns.moved(statistics):
        assert sum(column.train) == pytest.approx(1)
        assert sum(column.eval) == pytest.approx(0 if column.name == "gone" else 1)
        assert len(column.edges) in (0, len(column.train) + 1)


def test_a_frequent_value_that_is_new_is_among_those_shown(tmp_path: Path) -> None:
    train = pd.DataFrame({"carrier": [f"C{number:02d}" for number in range(40)] * 2})
    eval_ = pd.DataFrame({"carrier": ["NEW"] * 60 + ["C00"] * 20})
    [carrier] = columns.moved(write_statistics(tmp_path, {"train": train, "eval": eval_}))
    assert (len(carrier.values), carrier.values[0]) == (10, "NEW")
    assert (carrier.train[0], carrier.eval[0]) == (0, 0.75)
