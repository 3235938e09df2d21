"""An import path in the settings names code that exists and takes the right arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.project import own_code, source_code
from pipeline.settings.evaluate import EvaluateSettings, MetricSettings
from pipeline.settings.sections import Settings
from pipeline.settings.train import TrainSettings, TransformSettings, TuneSettings

_CODE = """
import functools
from rides_lib import run_fn as other_fn
from rides_lib import *

def run_fn(fn_args): ...
def with_default(fn_args, seed=1): ...
def with_config(fn_args, custom_config): ...
def nothing(): ...
def keyword_only(fn_args, *, seed): ...
async def later(fn_args): ...
prepared = functools.partial(with_default, seed=2)
preprocess = lambda inputs: inputs
def preprocessing_fn(inputs, custom_config): ...
class Metric: ...
@functools.cache
def cached(fn_args, more): ...
try:
    def tried(fn_args): ...
except ImportError:
    pass
"""


@pytest.fixture(autouse=True)
def _code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rides_code.py").write_text(_CODE)
    (tmp_path / "rides_lib.py").write_text("def run_fn(fn_args): ...\ndef star(a, b): ...\n")
    (tmp_path / "rides_broken.py").write_text("def run_fn(fn_args):\n  return (\n")
    monkeypatch.syspath_prepend(tmp_path)


def _refusal(settings: Settings) -> str:
    try:
        own_code.check(settings)
    except UsageError as error:
        assert error.next_step
        return error.what
    return ""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("run_fn", ""),
        ("with_default", ""),
        ("prepared", ""),  # its arguments are not in the text
        ("cached", ""),
        ("tried", ""),
        ("other_fn", ""),
        ("with_config", "has the arguments (fn_args, custom_config); expected (fn_args)"),
        ("nothing", "has the arguments (); expected (fn_args)"),
        ("keyword_only", "has the arguments (fn_args, seed); expected (fn_args)"),
        ("star", "has the arguments (a, b); expected (fn_args)"),
        ("later", "is an async function; expected a function"),
        ("Metric", "is a class; expected a function"),
        ("absent", "there is no function rides_code.absent"),
    ],
)
def test_a_run_fn_takes_the_arguments_of_tfx(name: str, problem: str) -> None:
    refusal = _refusal(Settings(train=TrainSettings(run_fn=f"rides_code.{name}")))
    assert problem in refusal
    assert bool(refusal) is bool(problem)
    assert not refusal or refusal.startswith("train.run_fn: ")


def test_every_setting_is_checked() -> None:
    absent, metric = "rides_code.absent", "rides_code.run_fn"
    for settings, problem in (
        (Settings(transform=TransformSettings(preprocessing_fn=absent)), "no function"),
        (Settings(tune=TuneSettings(tuner_fn=absent)), "no function"),
        (Settings(evaluate=EvaluateSettings(eval_config=absent)), "no function"),
        (Settings(evaluate=EvaluateSettings(metrics=({"metric": absent},))), "no class"),
        (Settings(evaluate=EvaluateSettings(metrics=({"metric": metric},))), "expected a class"),
    ):
        assert problem in _refusal(settings)
    for name in ("preprocessing_fn", "preprocess"):
        path = f"rides_code.{name}"
        assert not _refusal(Settings(transform=TransformSettings(preprocessing_fn=path)))
    classes = ("rides_code.Metric", "tensorflow_model_analysis.metrics.MeanSquaredError")
    metrics = tuple(MetricSettings(metric=path) for path in classes)
    assert not _refusal(Settings(evaluate=EvaluateSettings(metrics=metrics)))


def test_code_that_python_cannot_read_is_named_with_its_line(tmp_path: Path) -> None:
    refusal = _refusal(Settings(train=TrainSettings(run_fn="rides_broken.run_fn")))
    file = re.escape(str(tmp_path / "rides_broken.py"))
    assert re.search(rf"{file}, line \d, is not valid Python", refusal)


def test_a_package_with_a_name_of_taxiways_is_named() -> None:
    with pytest.raises(UsageError) as refused:
        own_code.check(Settings(train=TrainSettings(run_fn="models.mine.run_fn")))
    assert "because there is no module models.mine" in refused.value.what
    assert "another name than models, which is a package of Taxiway" in refused.value.next_step


def test_own_run_fn_and_search_for_taxiways_network_exclude_each_other() -> None:
    own = TrainSettings(run_fn="rides_code.run_fn")
    with pytest.raises(UsageError, match="searches Taxiway's own network"):
        own_code.check_tuner(Settings(train=own))
    own_code.check_tuner(Settings(train=own, tune=TuneSettings(tuner_fn="rides_code.run_fn")))
    own_code.check_tuner(Settings(tune=TuneSettings(tuner_fn="rides_code.run_fn")))
    own_code.check_tuner(Settings())


def test_code_is_followed_without_running_it(tmp_path: Path) -> None:
    """A package, its siblings and the files beside its code count; installed code does not."""
    package = tmp_path / "rides_model"
    (package / "parts").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError\n")
    (package / "cities.json").write_text("[]")
    (package / "unused.py").touch()
    (package / "parts" / "__init__.py").write_text('"""Parts."""\n')
    (package / "parts" / "layers.py").write_text("import json, numpy\n")
    (package / "trainer.py").write_text(
        "import rides_lib\nfrom .parts import layers\nfrom models.features import load\n"
    )
    assert set(source_code.files("rides_model.trainer")) >= {
        "rides_lib", "rides_model", "rides_model/cities.json", "rides_model.parts.layers",
        "rides_model.trainer", "models.features",
    }  # fmt: skip
    names = {name.partition(".")[0] for name in source_code.files("rides_model.trainer")}
    assert names == {"rides_lib", "rides_model", "rides_model/cities", "models"}
    assert "rides_model.unused" not in source_code.files("rides_model.trainer")
    assert source_code.find("rides_model.none") is None
    assert source_code.find("json.none.none") is None
