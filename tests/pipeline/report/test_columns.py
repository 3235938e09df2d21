"""Which columns moved, from the statistics of both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from pipeline.report import columns


@pytest.fixture
def statistics(tmp_path: Path) -> Path:
    """Statistics of a split, and of one in which some columns moved."""
    draw = np.random.default_rng(1)
    train = pd.DataFrame({
        "still": draw.normal(size=2000),
        "moved": draw.normal(size=2000),
        "carrier": draw.choice(["AA", "UA"], 2000, p=[0.5, 0.5]),
        "text to number": ["1"] * 2000,
        "always": [1.0] * 2000,
    })  # fmt: skip
    eval_ = train.assign(
        moved=train["moved"] + 9, carrier=draw.choice(["AA", "ZZ"], 2000, p=[0.9, 0.1])
    ).assign(**{"text to number": 1})
    eval_.loc[:499, "still"] = None
    for split, frame in (("train", train), ("eval", eval_)):
        (tmp_path / f"Split-{split}").mkdir()
        found = tfdv.generate_statistics_from_dataframe(frame)
        (tmp_path / f"Split-{split}" / "FeatureStats.pb").write_bytes(found.SerializeToString())
    return tmp_path


def test_the_column_that_moved_most_comes_first(statistics: Path) -> None:
    moved, carrier, still = columns.moved(statistics)
    assert [each.name for each in (moved, carrier, still)] == ["moved", "carrier", "still"]
    assert moved.distance > 0.95 and still.distance < 0.02
    assert still.missing == (0.0, 0.25)
    assert sorted(carrier.values) == ["AA", "UA", "ZZ"]
    shares = dict(zip(carrier.values, carrier.eval))
    assert shares["UA"] == 0 and 0.85 < shares["AA"] < 0.95


def test_shares_of_both_splits_are_of_all_their_rows(statistics: Path) -> None:
    for column in columns.moved(statistics):
        assert sum(column.train) == pytest.approx(1)
        assert sum(column.eval) == pytest.approx(1)
        assert len(column.edges) in (0, len(column.train) + 1)
