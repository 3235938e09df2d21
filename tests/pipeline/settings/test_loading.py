"""A settings file: what it may say, and what is said when it says something else."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.settings import loading, rendering
from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.sections import Settings
from pipeline.settings.source import SourceSettings
from tests.conftest import PROJECT


def _write(folder: Path, text: str) -> Path:
    file = folder / "taxiway.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_file_in_the_project_shows_defaults() -> None:
    file = PROJECT / loading.DEFAULT_FILE
    assert loading.load_plain(file) == Settings(policy_file=Path("schema/policy.toml"))


def test_what_is_printed_reads_back_as_the_same_settings(tmp_path: Path) -> None:
    chosen = Settings(
        name="taxi",
        features=Path('odd "name"/fëatures.toml'),
        source=SourceSettings(kind="folder", path=Path("rides"), time_column="when", window=2),
        evaluate=EvaluateSettings(min_auc=0.75),
    )
    assert loading.load_plain(_write(tmp_path, rendering.as_toml(chosen))) == chosen


def test_relative_paths_belong_to_the_folder_of_the_file(tmp_path: Path) -> None:
    file = _write(
        tmp_path, 'workspace = "state"\nschema_file = "/s.pbtxt"\n[source]\npath = "rides"\n'
    )
    loaded = loading.load(file)
    assert loaded.workspace == tmp_path / "state"
    assert loaded.features == tmp_path / "models/flights.toml"
    assert loaded.schema_file == Path("/s.pbtxt")
    assert loaded.source.path == tmp_path / "rides"


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    loaded = loading.load(_write(tmp_path, 'workspace = "~/state"\n[source]\npath = "~/rides"\n'))
    assert (loaded.workspace, loaded.source.path) == (
        Path("/home/ann/state"),
        Path("/home/ann/rides"),
    )


@pytest.mark.parametrize("load", [loading.load, loading.load_plain])
def test_a_folder_without_settings_file_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[], Settings]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"{re.escape(str(tmp_path))}: there is no taxiway.toml"):
        load()
    assert not list(tmp_path.iterdir())


def test_the_example_that_the_error_names_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        loading.load()
    named = shlex.split(error.value.next_step.partition("--settings ")[2].rstrip(")"))
    assert loading.load(Path(*named)).name == "flights"


def test_the_file_of_the_current_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, 'name = "here"\n')
    monkeypatch.chdir(tmp_path)
    assert loading.load().name == "here"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('workspce = "x"', "unknown key workspce; did you mean workspace?"),
        ("[train]\nepoch = 3", "unknown key train.epoch; did you mean epochs?"),
        ("[evaluate]\nmin_aux = 1", "unknown key evaluate.min_aux; did you mean min_auc?"),
        ("zzz = 1", "unknown key zzz; valid keys: name, workspace"),
        ("[tune]\nzzz = 3", "unknown key tune.zzz; valid keys: tuner_fn, trials"),
        ("[evaluate]\nmin_auc = 1.5", "evaluate.min_auc: Input should be less than or equal to 1"),
        ("[train]\nepochs = 0", "(got 0)"),
        ('name = "Not A Name"', "(got 'Not A Name')"),
        ('[source]\nkind = "kafka"', "Input should be 'flights' or 'folder' (got 'kafka')"),
        ("name = ", "not a readable TOML file"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_expected(
    tmp_path: Path, text: str, says: str
) -> None:
    file = _write(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        loading.load(file)
    assert refused.value.what.startswith(f"{file}: ")
    assert says in refused.value.what


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        loading.load(_write(tmp_path, "[train]\nepoch = 3\nseed = 'x'\n"))
    assert "train.epoch" in refused.value.what
    assert "train.seed" in refused.value.what


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "taxiway.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not a readable TOML file"):
        loading.load(file)


def test_a_missing_file_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such settings file") as refused:
        loading.load(tmp_path / "none.toml")
    assert refused.value.next_step == f"taxiway settings > {tmp_path / 'none.toml'}"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().name = "other"


def test_the_json_schema_is_valid_and_accepts_the_defaults() -> None:
    schema = json.loads(rendering.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(Settings.model_fields)
    check = jsonschema.Draft202012Validator(schema)
    check.validate(json.loads(Settings().model_dump_json()))
    assert not check.is_valid({"workspce": "x"})
    assert not check.is_valid({"evaluate": {"min_auc": 2}})


def test_every_setting_is_described() -> None:
    schema = json.loads(rendering.json_schema())
    for model in (schema, *schema["$defs"].values()):
        assert model["description"]
        for name, setting in model["properties"].items():
            assert "$ref" in setting or setting.get("description"), name


def test_bounds_that_no_model_could_miss_are_refused(tmp_path: Path) -> None:
    file = _write(tmp_path, "[evaluate]\nmin_auc = 0\nmax_auc_drop = 1\nmin_slice_auc = 0\n")
    with pytest.raises(UsageError, match=r"evaluate: .*no bound is left that a model could miss"):
        loading.load(file)
