"""Published versions are always compared with, or the run stops."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features
from pipeline.components import names
from pipeline.errors import UsageError
from pipeline.metadata import executions, published
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import latest_blessed_model
from pipeline.orchestration import baseline
from pipeline.project.files import Project
from pipeline.runs import records
from pipeline.runs.records import RunRecord
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from schema.policy import Policy
from serving.store import manifest, publish
from tests.pipeline.databases import Ledger

COLUMNS = """
feature { name: "late" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 1 } }
feature { name: "early" type: INT presence { min_fraction: 1 } int_domain { min: 0 max: 1 } }
feature { name: "distance" type: FLOAT }
"""


def _project(label: str = "late", numeric: str = "distance", columns: str = COLUMNS) -> Project:
    schema = text_format.Parse(columns, schema_pb2.Schema())
    return Project(Features(label=label, numeric=(numeric,)), schema, Policy())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A workspace with three runs and three versions."""
    made = Settings(workspace=tmp_path / "workspace")
    ledger = Ledger(Workspace(made.workspace, made.name), metadata.open_store(made))
    for number in range(1, 4):
        ledger.run(number)
    return made


def _prepare(settings: Settings, project: Project | None = None) -> str:
    store = metadata.open_store(settings)
    metadata.claim(store, settings)
    executions.reserve_lost(store, _workspace(settings))
    return baseline.prepare(settings, store, project or _project())


def _workspace(settings: Settings) -> Workspace:
    return Workspace(settings.workspace, settings.name)


def _served_bytes(settings: Settings) -> bytes:
    """Return the content of the model that a candidate is compared with."""
    latest = latest_blessed_model(metadata.open_store(settings))
    assert latest is not None
    [file] = Path(latest.uri).rglob("saved_model.pb")
    return file.read_bytes()


def test_the_latest_blessed_model_is_the_baseline(settings: Settings) -> None:
    assert _prepare(settings) == ""
    assert _served_bytes(settings) == b"graph of 3"
    assert not (settings.workspace / "artifacts" / published.NODE).exists()


def test_an_empty_workspace_has_a_first_model(tmp_path: Path) -> None:
    assert _prepare(Settings(workspace=tmp_path)) == ""


def _lose_database(root: Path) -> None:
    shutil.rmtree(root / "metadata")


def _keep_only_models(root: Path) -> None:
    shutil.rmtree(root / "metadata")
    shutil.rmtree(root / "artifacts")


def _lose_trained_models(root: Path) -> None:
    shutil.rmtree(root / "artifacts" / "Trainer")


def _lose_the_latest_trained_model(root: Path) -> None:
    newest = max((root / "artifacts/Trainer/model").iterdir(), key=lambda run: int(run.name))
    shutil.rmtree(newest)


def _empty_the_latest_trained_model(root: Path) -> None:
    newest = max((root / "artifacts/Trainer/model").iterdir(), key=lambda run: int(run.name))
    (newest / "saved_model.pb").unlink()


@pytest.mark.parametrize(
    "lose",
    [
        _lose_database,
        _keep_only_models,
        _lose_trained_models,
        _lose_the_latest_trained_model,
        _empty_the_latest_trained_model,
    ],
)
def test_a_published_version_is_the_baseline_when_nothing_else_is(
    settings: Settings, lose: Callable[[Path], None]
) -> None:
    lose(settings.workspace)
    assert _prepare(settings) == "baseline: version 3, from its files"
    assert _served_bytes(settings) == b"graph of 3"
    # The next run does not enter it again, and the version's own folder may go.
    assert _prepare(settings) == ""
    assert len(list((settings.workspace / "artifacts" / published.NODE / "model").iterdir())) == 1
    shutil.rmtree(_workspace(settings).model_base)
    assert _served_bytes(settings) == b"graph of 3"


def test_versions_of_a_backup_that_the_database_does_not_have_are_compared_with(
    settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(settings.workspace / "metadata", tmp_path / "backup")
    ledger = Ledger(_workspace(settings), metadata.open_store(settings))
    ledger.run(4)
    shutil.rmtree(settings.workspace / "metadata")
    (tmp_path / "backup").rename(settings.workspace / "metadata")
    assert _prepare(settings) == "baseline: version 4, from its files"
    assert _served_bytes(settings) == b"graph of 4"


def test_a_store_of_a_backup_keeps_the_later_blessed_model_as_baseline(settings: Settings) -> None:
    shutil.rmtree(_workspace(settings).model_base / "3")
    assert _prepare(settings) == ""
    assert _served_bytes(settings) == b"graph of 3"


def test_a_killed_entry_is_cleaned_up_and_repeated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.orchestration import recovery

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    _keep_only_models(settings.workspace)
    with monkeypatch.context() as patched:
        patched.setattr(published, "_link_files", fail)
        with pytest.raises(KeyboardInterrupt):
            _prepare(settings)
    store = metadata.open_store(settings)
    nodes = recovery.fail_abandoned(store, _workspace(settings).artifacts, settings.beam)
    assert nodes == [published.NODE]
    assert _prepare(settings) == "baseline: version 3, from its files"


@pytest.mark.parametrize("damage", ["content", "manifest"])
def test_a_damaged_version_stops_the_run(settings: Settings, damage: str) -> None:
    _keep_only_models(settings.workspace)
    version = _workspace(settings).model_base / "3"
    (version / ("saved_model.pb" if damage == "content" else manifest.NAME)).write_text("x")
    with pytest.raises(UsageError, match=f"{version}.*no candidate can be compared") as caught:
        _prepare(settings)
    assert "taxiway run --no-baseline" in caught.value.next_step


def test_a_damaged_version_does_not_matter_while_its_trained_model_exists(
    settings: Settings,
) -> None:
    (_workspace(settings).model_base / "3" / manifest.NAME).unlink()
    assert _prepare(settings) == ""
    assert _served_bytes(settings) == b"graph of 3"


def test_lost_files_of_all_models_are_no_fresh_start(settings: Settings) -> None:
    shutil.rmtree(settings.workspace / "artifacts")
    shutil.rmtree(settings.workspace / "models")
    with pytest.raises(UsageError, match="the files of every blessed model and version are gone"):
        _prepare(settings)


def test_versions_of_another_name_are_no_fresh_start(settings: Settings) -> None:
    _keep_only_models(settings.workspace)
    with pytest.raises(UsageError, match=r"name: .*/models has published versions of flights, "):
        _prepare(settings.model_copy(update={"name": "rides"}))


@pytest.mark.parametrize(
    ("project", "says"),
    [
        (_project(label="early"), 'its label was "late" and is now "early"'),
        (
            _project(numeric="miles", columns=COLUMNS.replace("distance", "miles")),
            "the schema has no numeric column distance",
        ),
        (
            _project(columns=COLUMNS.replace("FLOAT", "BYTES")),
            "numeric column distance is BYTES in the schema",
        ),
    ],
)
def test_a_model_of_other_columns_cannot_be_a_baseline(
    settings: Settings, project: Project, says: str
) -> None:
    latest = latest_blessed_model(metadata.open_store(settings))
    assert latest is not None
    folder = Path(latest.uri).parents[1] / "model_run" / Path(latest.uri).name
    folder.mkdir(parents=True)
    features = Features(label="late", numeric=("distance",))
    (folder / "features.json").write_text(features.model_dump_json())
    assert _prepare(settings) == ""
    with pytest.raises(UsageError, match=says):
        _prepare(settings, project)


@pytest.mark.parametrize("recorded", ["manifest", "run record"])
@pytest.mark.parametrize(
    ("project", "says"),
    [
        (_project(label="early"), 'its label was "late" and is now "early"'),
        (
            _project(numeric="miles", columns=COLUMNS.replace("distance", "miles")),
            "its input distance is not in the schema",
        ),
    ],
)
def test_the_columns_of_a_version_are_compared_too(
    settings: Settings, project: Project, says: str, recorded: str
) -> None:
    columns = ("late", "distance")
    if recorded == "manifest":
        file = _workspace(settings).model_base / "3" / manifest.NAME
        file.write_text(json.dumps(json.loads(file.read_text()) | {"columns": columns}))
    else:
        record = RunRecord(
            run_id="run-3", began="", seconds=1, outcome="published", exit_code=0, columns=columns
        )
        records.write(_workspace(settings).runs, record)
    _keep_only_models(settings.workspace)
    with pytest.raises(UsageError, match=says):
        _prepare(settings, project)
    assert _prepare(settings) == ""


def test_a_version_of_another_publisher_is_compared_with(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path / "workspace")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "saved_model.pb").write_text("theirs")
    facts = manifest.Facts(name="flights", blessing=manifest.Blessing(blessed=True))
    publish.publish(tmp_path / "model", _workspace(settings).model_base, facts, lambda _: None)
    assert _prepare(settings) == "baseline: version 1, from its files"
    assert _served_bytes(settings) == b"theirs"


def test_a_baseline_that_vanishes_in_the_run_stops_it(settings: Settings) -> None:
    store = metadata.open_store(settings)
    latest = latest_blessed_model(store)
    assert latest is not None

    def enforce(**outputs: Any) -> None:
        baseline.enforce(names.LATEST_BLESSED_MODEL, outputs, store, settings)

    enforce(candidate=latest)  # a repeated run
    other = type(latest)(id=latest.id + 1)
    enforce(candidate=other, model=latest)
    with pytest.raises(UsageError, match="the files of its model are gone"):
        enforce(candidate=other)
