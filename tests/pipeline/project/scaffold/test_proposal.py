"""From a table to a project whose first run is not refused."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from pipeline.errors import UsageError
from pipeline.project import files as project_files
from pipeline.project import scaffold
from pipeline.project.scaffold import Proposal, Request
from pipeline.settings import loading
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT
from tests.pipeline.project.scaffold import gate


def _breast_cancer(folder: Path) -> dict[str, Any]:
    frame = datasets.load_breast_cancer(as_frame=True).frame
    frame.to_csv(folder / "breast cancer.csv", index=False)
    return {"data": folder / "breast cancer.csv", "label": "target"}


def _penguins(folder: Path) -> dict[str, Any]:
    shutil.copy(PROJECT / "tests/data/penguins.csv", folder / "penguins.csv")
    return {"data": folder / "penguins.csv", "label": "species", "positive": "Adelie"}


def _wine(folder: Path) -> dict[str, Any]:
    datasets.load_wine(as_frame=True).frame.to_parquet(folder / "wine.parquet", index=False)
    return {"data": folder / "wine.parquet", "label": "target", "positive": "2"}


def _korean(folder: Path) -> dict[str, Any]:
    random.seed(2)
    rows = pd.DataFrame({
        "고객 번호": [f"K{n:05}" for n in range(3000)],
        "도시": [random.choice(["서울", "부산", "대구 (중구)"]) for _ in range(3000)],
        "나이?": [random.randrange(19, 80) for _ in range(3000)],
        "금액(원)": [random.gauss(30_000, 9_000) for _ in range(3000)],
    })  # fmt: skip
    chance = 0.2 + 0.4 * (rows["금액(원)"] > 30_000) + 0.2 * (rows["도시"] == "서울")
    rows["해지"] = np.where(np.random.default_rng(1).random(3000) < chance, "예", "아니오")
    rows.to_csv(folder / "고객.csv", index=False)
    return {"data": folder / "고객.csv", "label": "해지"}


def _wide(folder: Path) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    rows = pd.DataFrame(
        generator.normal(size=(400, 500)), columns=[f"sensor {n:03}" for n in range(500)]
    )
    rows["failed"] = (rows["sensor 007"] + generator.normal(size=400) > 0).astype(int)
    (folder / "wide").mkdir()
    rows.to_parquet(folder / "wide" / "sensors.parquet", index=False)
    return {"data": folder / "wide", "label": "failed"}


def _monthly(folder: Path) -> dict[str, Any]:
    random.seed(3)
    (folder / "rides").mkdir()
    for month in range(1, 6):
        rows = pd.DataFrame({
            # A city that is new in the newest month.
            "city": [random.choice("abcx" if month == 5 else "abc") for _ in range(400)],
            "distance": [random.expovariate(1 / (month * 10)) for _ in range(400)],
            "late": [random.random() < 0.3 for _ in range(400)],
        })  # fmt: skip
        rows.to_csv(folder / "rides" / f"rides-2024-{month:02}.csv", index=False)
    return {"data": folder / "rides", "label": "late"}


def _by_time(folder: Path) -> dict[str, Any]:
    options = _monthly(folder)
    parts = [
        pd.read_csv(file).assign(started=f"{file.stem[-7:]}-03 08:30")
        for file in sorted(options["data"].glob("*.csv"))
    ]
    pd.concat(parts).to_csv(folder / "all.csv", index=False)
    return {"data": folder / "all.csv", "label": "late", "time": "started"}


# For every table, the number of columns that are numbers and that are categories.
_TABLES = {
    _breast_cancer: (27, 0), _penguins: (4, 2), _wine: (11, 0), _korean: (2, 1), _wide: (500, 0),
    _monthly: (1, 1), _by_time: (1, 1),
}  # fmt: skip


def _create(make: Callable[[Path], dict[str, Any]], folder: Path) -> tuple[Proposal, Settings]:
    proposal = scaffold.create(Request(folder=folder / "project", **make(folder)))
    return proposal, loading.load(folder / "project" / "taxiway.toml")


@pytest.mark.parametrize("make", _TABLES)
def test_no_line_is_written_by_hand_and_the_first_run_is_not_refused(
    make: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    proposal, settings = _create(make, tmp_path)
    features = project_files.load(settings).features
    assert (len(features.numeric), len(features.categorical)) == _TABLES[make]
    used = {decision.column for decision in proposal.decisions if decision.used}
    assert used == set(features.inputs)
    assert gate.examination(settings).with_action("stop") == []


def test_a_table_without_a_time_is_split_by_a_hash_and_says_so(tmp_path: Path) -> None:
    proposal, settings = _create(_penguins, tmp_path)
    assert (settings.source.split, settings.source.time_column) == ("hash", None)
    [note] = [note for note in proposal.notes if "hash of the row" in note]
    assert "flatters a model on data that changes in time" in note
    assert any("small table" in note for note in proposal.notes)


def test_spans_by_name_and_by_time_are_split_by_time(tmp_path: Path) -> None:
    for make in (_monthly, _by_time):
        folder = tmp_path / make.__name__
        folder.mkdir()
        proposal, settings = _create(make, folder)
        assert settings.source.split is None
        assert settings.source.window == 4
        assert any("train 202401 to 202404, eval 202405" in note for note in proposal.notes)


def test_what_the_newest_span_breaks_is_loosened_and_stated(tmp_path: Path) -> None:
    proposal, settings = _create(_monthly, tmp_path)
    [city] = [
        column for column in project_files.load(settings).schema.feature if column.name == "city"
    ]
    assert not city.HasField("string_domain")
    assert any("city: eval has x, train does not" in note for note in proposal.notes)


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


def test_one_hour_of_rows_has_no_newer_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t,x,y\n" + "2024-01-01 00:30,1,0\n2024-01-01 00:40,2,1\n" * 9)
    with pytest.raises(UsageError, match="--time t: all rows are in one") as error:
        scaffold.create(Request(tmp_path / "t.csv", tmp_path / "p", "y", time="t"))
    assert error.value.next_step.startswith("leave out --time")


def test_the_data_is_relative_to_the_project_if_it_is_inside(tmp_path: Path) -> None:
    options = _penguins(tmp_path)
    inside = scaffold.create(Request(folder=tmp_path, **options))
    outside = scaffold.create(Request(folder=tmp_path / "p", **options))
    assert 'path = "penguins.csv"' in inside.contents["taxiway.toml"]
    assert f'path = "{tmp_path}/penguins.csv"' in outside.contents["taxiway.toml"]


@pytest.mark.parametrize(
    ("data", "name"),
    [("Penguins 2.csv", "penguins-2"), ("2024_rides.csv", "rides"), ("고객.csv", "model")],
)
def test_the_name_is_that_of_the_data(tmp_path: Path, data: str, name: str) -> None:
    shutil.copy(PROJECT / "tests/data/penguins.csv", tmp_path / data)
    request = Request(tmp_path / data, tmp_path / "p", "species", positive="Adelie")
    proposal = scaffold.create(request)
    assert loading.load(tmp_path / "p" / "taxiway.toml").name == name
    assert any("name = model" in note for note in proposal.notes) is (name == "model")


def test_columns_of_any_name_are_written_as_valid_toml(tmp_path: Path) -> None:
    names = ['say "hi"', "back\\slash", "tab\there", "서울", "a.b", "x = 1 # no", "'single'"]
    generator = np.random.default_rng(1)
    rows = pd.DataFrame(generator.normal(size=(400, len(names))), columns=names)
    rows["hour = [1]\\"] = generator.integers(0, 24, 400)
    rows["y"] = generator.integers(0, 2, 400)
    rows.to_csv(tmp_path / "t.csv", index=False)
    scaffold.create(Request(tmp_path / "t.csv", tmp_path / "p", "y", drop=("a.b",)))
    settings = loading.load(tmp_path / "p" / "taxiway.toml")
    assert set(project_files.load(settings).features.inputs) == set(rows.columns) - {"y", "a.b"}


def test_own_code_is_added_and_named_by_the_settings(tmp_path: Path) -> None:
    options = _penguins(tmp_path)
    proposal = scaffold.create(Request(folder=tmp_path / "p", code=True, **options))
    settings = loading.load(tmp_path / "p" / "taxiway.toml")
    assert settings.train.run_fn == "penguins_code.trainer.run_fn"
    assert settings.tune.tuner_fn == "penguins_code.tuner.tuner_fn"
    assert settings.transform.preprocessing_fn == "penguins_code.preprocessing.preprocessing_fn"
    assert settings.evaluate.metrics[0].metric == "penguins_code.metrics.MeanCost"
    assert {"penguins_code/__init__.py", "penguins_code/trainer.py"} <= set(proposal.contents)


def test_a_table_of_random_labels_gets_bounds_that_a_model_can_meet(tmp_path: Path) -> None:
    rows = pd.DataFrame({
        "x": np.random.default_rng(1).normal(size=500),
        "y": np.random.default_rng(2).integers(0, 2, 500),
    })  # fmt: skip
    rows.to_csv(tmp_path / "t.csv", index=False)
    scaffold.create(Request(tmp_path / "t.csv", tmp_path / "p", "y"))
    assert 0.52 < loading.load(tmp_path / "p" / "taxiway.toml").evaluate.min_auc < 0.7
