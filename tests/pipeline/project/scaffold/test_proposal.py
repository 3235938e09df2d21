"""From a table to a project whose first run is not refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataRefused
from pipeline.project import files as project_files
from pipeline.project import scaffold
from pipeline.project.scaffold import Request
from pipeline.settings import loading
from tests.conftest import PROJECT
from tests.pipeline.project.scaffold import gate, tables

# For every table, the number of columns that are numbers and that are categories.
_TABLES = {
    tables.breast_cancer: (27, 0),
    tables.penguins: (4, 2),
    tables.wine: (11, 0),
    tables.korean: (2, 1),
    tables.decimal_comma: (2, 1),
    tables.wide: (500, 0),
    tables.monthly: (1, 1),
    tables.by_time: (1, 1),
}


@pytest.mark.parametrize("make", _TABLES)
def test_no_line_is_written_by_hand_and_the_first_run_is_not_refused(
    make: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    proposal, settings = tables.create(make, tmp_path)
    features = project_files.load(settings).features
    assert (len(features.numeric), len(features.categorical)) == _TABLES[make]
    used = {decision.column for decision in proposal.decisions if decision.used}
    assert used == set(features.inputs)
    assert gate.examination(settings).with_action("stop") == []


def test_a_table_without_a_time_is_split_by_a_hash_and_says_so(tmp_path: Path) -> None:
    proposal, settings = tables.create(tables.penguins, tmp_path)
    assert (settings.source.split, settings.source.time_column) == ("hash", None)
    [note] = [note for note in proposal.notes if "hash of the row" in note]
    assert "flatters a model on data that changes in time" in note
    assert any("small table" in note for note in proposal.notes)


def test_what_the_newest_span_breaks_is_loosened_and_stated(tmp_path: Path) -> None:
    proposal, settings = tables.create(tables.monthly, tmp_path)
    [city] = [
        column for column in project_files.load(settings).schema.feature if column.name == "city"
    ]
    assert not city.HasField("string_domain")
    assert any("city: eval has x, train does not" in note for note in proposal.notes)


def test_a_decimal_comma_is_noticed_and_written_to_the_settings(tmp_path: Path) -> None:
    proposal, settings = tables.create(tables.decimal_comma, tmp_path)
    assert (settings.source.decimal, settings.source.encoding) == (",", "cp949")
    assert "decimal comma, as in 금액(원)" in proposal.notes


@pytest.mark.parametrize(
    ("values", "decimal"),
    [
        (["1,5", "2", "-0,25"], ","),
        (["1,5", "NA", "2,25"], ","),
        (["1,500", "2,000", "3,125"], "."),  # it may separate thousands
        (["1,5", "2", "3,x"], "."),
    ],
)
@pytest.mark.parametrize("other", ["1", "1.5"])
def test_a_comma_is_decimal_only_without_doubt(
    tmp_path: Path, values: list[str], decimal: str, other: str
) -> None:
    rows = pd.DataFrame({"amount": values * 200, "other": other, "size": range(600)})
    rows["late"] = rows["size"] % 2
    rows.to_csv(tmp_path / "rows.csv", index=False, sep=";")
    request = Request(tmp_path / "rows.csv", tmp_path / "p", "late")
    settings = scaffold.create(request).contents["taxiway.toml"]
    assert ('decimal = ","' in settings) is (decimal == "," and other == "1")


def test_the_next_step_of_another_encoding_names_the_option(tmp_path: Path) -> None:
    options = tables.decimal_comma(tmp_path)
    with pytest.raises(DataRefused, match="expected text in UTF-8") as error:
        scaffold.create(Request(folder=tmp_path / "p", **options | {"reader": {}}))
    assert error.value.next_step.startswith("pass --encoding, such as cp949")
    assert not (tmp_path / "p").exists()


def test_the_data_is_relative_to_the_project_if_it_is_inside(tmp_path: Path) -> None:
    options = tables.penguins(tmp_path)
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
    options = tables.penguins(tmp_path)
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
