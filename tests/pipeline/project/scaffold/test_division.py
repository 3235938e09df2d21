"""How the rows of a table are divided into train and eval."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import UsageError
from pipeline.project import scaffold
from pipeline.project.scaffold import Request
from pipeline.settings import loading
from tests.pipeline.project.scaffold import gate, tables


def test_spans_by_name_and_by_time_are_split_by_time(tmp_path: Path) -> None:
    for make in (tables.monthly, tables.by_time):
        folder = tmp_path / make.__name__
        folder.mkdir()
        proposal, settings = tables.create(make, folder)
        assert settings.source.split is None
        assert settings.source.window == 4
        assert any("train 202401 to 202404, eval 202405" in note for note in proposal.notes)


def test_few_rows_in_a_month_give_longer_spans(tmp_path: Path) -> None:
    rows = pd.DataFrame({
        "when": pd.date_range("2020-01-01", periods=1600, freq="22h").strftime("%Y-%m-%d"),
        "x": np.random.default_rng(1).normal(size=1600),
    })  # fmt: skip
    rows["y"] = (rows.x + np.random.default_rng(2).normal(size=1600) > 0).astype(int)
    rows.to_csv(tmp_path / "t.csv", index=False)
    request = Request(tmp_path / "t.csv", tmp_path / "p", "y", time="when")
    proposal = scaffold.create(request)
    assert 'period = "year"' in proposal.contents["taxiway.toml"]


def _dated(folder: Path, form: str, days: int = 28) -> Request:
    rows = pd.DataFrame({
        "when": [f"{date:{form}}" for date in pd.date_range("2023-01-01", periods=900)],
        "x": range(900),
    })  # fmt: skip
    rows = rows[[date.day <= days for date in pd.date_range("2023-01-01", periods=900)]]
    rows["y"] = np.random.default_rng(1).integers(0, 2, len(rows))
    rows.to_csv(folder / "t.csv", index=False)
    return Request(folder / "t.csv", folder / "p", "y", time="when")


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%m/%d/%Y %H:%M", "%Y년 %m월 %d일"])
def test_the_form_of_the_time_follows_from_the_values(tmp_path: Path, form: str) -> None:
    scaffold.create(_dated(tmp_path, form))
    source = loading.load(tmp_path / "p" / "taxiway.toml").source
    assert source.time_format == form
    assert gate.examination(loading.load(tmp_path / "p" / "taxiway.toml")).passed


def test_a_day_that_could_be_a_month_is_refused_and_the_next_step_works(tmp_path: Path) -> None:
    request = _dated(tmp_path, "%d/%m/%Y", days=12)
    with pytest.raises(UsageError, match="cannot tell the day from the month") as error:
        scaffold.create(request)
    assert "--time-format %d/%m/%Y" in error.value.next_step
    scaffold.create(dataclasses.replace(request, time_format="%d/%m/%Y"))
    assert loading.load(tmp_path / "p" / "taxiway.toml").source.time_format == "%d/%m/%Y"


def test_one_hour_of_rows_has_no_newer_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t,x,y\n" + "2024-01-01 00:30,1,0\n2024-01-01 00:40,2,1\n" * 9)
    with pytest.raises(UsageError, match="--time t: all rows are in one") as error:
        scaffold.create(Request(tmp_path / "t.csv", tmp_path / "p", "y", time="t"))
    assert error.value.next_step.startswith("leave out --time")
