"""`taxiway registry`, on versions that were really published."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UsageError
from pipeline.registry import models
from pipeline.runs import records
from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace
from serving.store import publish
from serving.store.manifest import Blessing, Facts, SliceMetrics, Spans
from tests.conftest import taxiway
from tests.serving.tiny import export


def _facts(eval_span: int, auc: float, **hyperparameters: float) -> Facts:
    return Facts(
        name="flights",
        blessing=Blessing(blessed=True),
        run_id=f"run-{eval_span}",
        spans=Spans(train=(eval_span - 2, eval_span - 1), eval=eval_span),
        metrics={"auc": auc, "example_count": 23_611},
        slices=(SliceMetrics(slice="origin EWR", metrics={"auc": auc - 0.01}),),
        hyperparameters=dict(hyperparameters),
        published_by="flights.Pusher",
    )


def _published(model: Path, workspace: Path) -> Path:
    """Publish the same network with two vocabularies; how it is verified is another suite's."""
    base = workspace / "models" / "flights"
    publish.publish(model, base, _facts(201303, 0.7, dropout=0.5), verify=lambda _: None)
    other = workspace / "other"
    shutil.copytree(model, other)
    (other / "assets.extra").mkdir()
    (other / "assets.extra" / "note.txt").write_text("another")
    publish.publish(other, base, _facts(201304, 0.71, dropout=0.1), verify=lambda _: None)
    return workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("registry")
    return _published(export(folder / "model"), folder / "workspace")


def _table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_the_list_has_the_newest_version_first(workspace: Path) -> None:
    done = taxiway("registry", "list", "--workspace", workspace)
    assert done.returncode == 0, done.stderr
    newest, oldest = _table(done.stdout)
    assert newest[:2] == ["2", "serving"] and oldest[:2] == ["1", "retired"]
    assert newest[4:8] == ["201302 to 201303", "201304", "0.7100", "23,611"]
    assert (newest[9], newest[11]) == ("run-201304", "models/flights/2")
    assert (newest[12], oldest[12]) == ("dropout 0.1", "dropout 0.5")


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_what_matters_is_never_cut_off(
    workspace: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal
    monkeypatch.setenv("COLUMNS", str(width))
    shown = re.sub(
        r"\x1b\[[\d;]*m", "", taxiway("registry", "list", "--workspace", workspace).stdout
    )
    assert "…" not in shown
    for value in ("serving", "0.7100", "run-201304"):
        assert value in shown
    assert ("model id" in shown) is (width == 120)


def test_the_list_is_one_json_object_when_asked(workspace: Path) -> None:
    done = taxiway("registry", "list", "--json", "--workspace", workspace)
    newest, oldest = json.loads(done.stdout)["models"]
    assert (newest["version"], newest["state"]) == (2, "serving")
    assert (oldest["version"], oldest["state"]) == (1, "retired")
    assert newest["metrics"]["auc"] == 0.71
    assert newest["spans"] == {"train": [201302, 201303], "eval": 201304}
    assert newest["model_id"] != oldest["model_id"]


def test_an_empty_registry_says_what_to_do(tmp_path: Path) -> None:
    done = taxiway("registry", "list", "--workspace", tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"{tmp_path}: there is no model yet.\nNext   taxiway run\n"


def test_a_version_is_shown_with_its_slices(workspace: Path) -> None:
    done = taxiway("registry", "show", "1", "--workspace", workspace)
    assert done.returncode == 0, done.stderr
    rows = {row[0]: row[1:] for row in _table(done.stdout)}
    assert rows["dropout"] == ["0.5"]
    assert rows["evaluated on"] == ["201303"]
    assert rows["overall"] == ["0.7000", "23,611"]
    assert rows["origin EWR"][0] == "0.6900"


def test_two_versions_are_compared_in_what_differs(workspace: Path) -> None:
    done = taxiway("registry", "compare", "1", "2", "--workspace", workspace)
    assert done.returncode == 0, done.stderr
    rows = {row[0]: row[1:] for row in _table(done.stdout)}
    assert rows["dropout"] == ["0.5", "0.1"]
    assert rows["overall"] == ["0.7000", "0.7100", "+0.0100"]
    assert rows["origin EWR"] == ["0.6900", "0.7000", "+0.0100"]
    as_json = taxiway("registry", "compare", "1", "2", "--json", "--workspace", workspace)
    differing = json.loads(as_json.stdout)
    assert differing["hyperparameters"] == [{"dropout": 0.5}, {"dropout": 0.1}]
    assert "published_by" not in differing


def test_an_unknown_version_is_refused_with_those_there_are(workspace: Path) -> None:
    done = taxiway("registry", "show", "7", "--workspace", workspace)
    assert done.returncode == 2
    assert "there is no version 7; published: 1, 2." in done.stderr


def test_verify_finds_what_was_changed_after_publishing(workspace: Path, tmp_path: Path) -> None:
    changed = tmp_path / "workspace"
    shutil.copytree(workspace, changed)
    assert taxiway("registry", "verify", "--rebuild", "--workspace", changed).returncode == 0
    assert taxiway("registry", "verify", "--workspace", changed).returncode == 0
    (changed / "models/flights/1/saved_model.pb").write_bytes(b"")
    done = taxiway("registry", "verify", "--workspace", changed)
    assert done.returncode == 5
    assert "✗ version 1\n    saved_model.pb was changed" in done.stdout
    assert "✓ version 2" in done.stdout
    as_json = taxiway("registry", "verify", "--json", "--workspace", changed)
    assert as_json.returncode == 5
    assert json.loads(as_json.stdout)["problems"]["2"] == []


def test_a_version_without_a_readable_manifest_is_an_error_with_a_remedy(
    workspace: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "workspace"
    shutil.copytree(workspace, changed)
    (changed / "models/flights/2/taxiway.json").write_text("{")
    done = taxiway("registry", "show", "2", "--workspace", changed)
    assert done.returncode == 5
    assert "not a manifest of format 1" in done.stderr and "Next   publish" in done.stderr
    assert len(_table(taxiway("registry", "list", "--workspace", changed).stdout)) == 1


def test_the_registry_needs_no_tensorflow(workspace: Path) -> None:
    code = (
        "import sys\nfrom pipeline import cli\n"
        "try:\n    cli.main(['registry', 'list', '--workspace', sys.argv[1]])\n"
        "except SystemExit:\n    print(sorted({'tensorflow', 'tfx', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, workspace], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def _record(number: int, model: bool) -> RunRecord:
    began = datetime.datetime(2013, 1, 1, tzinfo=datetime.timezone.utc)
    began += datetime.timedelta(minutes=number)
    trainer = {"Trainer": {"model": Output(uri=f"/w/Trainer/model/{number}", id=number)}}
    return RunRecord(
        run_id=began.strftime("%Y%m%d-%H%M%S"), began=began.isoformat(timespec="seconds"),
        seconds=1.0, outcome="not blessed" if model else "data refused",
        exit_code=4 if model else 3, model_id=f"{number:064d}" if model else None,
        outputs=trainer if model else {},
    )  # fmt: skip


def _history(tmp_path: Path, kinds: list[bool]) -> Workspace:
    """Write the record of a run for each kind, oldest first: whether the run left a model."""
    place = Workspace(tmp_path, "flights")
    for number, model in enumerate(kinds):
        records.write(place.runs, _record(number, model))
    return place


def _listed(place: Workspace, limit: int | None) -> tuple[list[int], bool, int]:
    listing = models.list_models(place, limit)
    return [int(entry.model_id) for entry in listing.entries], listing.more, listing.unread


def test_a_list_reads_few_of_many_runs_that_left_no_model(tmp_path: Path) -> None:
    place = _history(tmp_path, [True, True, *[False] * 50, True])
    assert _listed(place, 2) == ([52], True, 53 - 40)
    assert _listed(place, 3) == ([52, 1, 0], False, 0)
    assert _listed(place, None) == ([52, 1, 0], False, 0)


def test_a_full_list_states_that_there_are_older_models(tmp_path: Path) -> None:
    place = _history(tmp_path, [True] * 5)
    assert _listed(place, 2) == ([4, 3], True, 0)
    assert _listed(place, 5) == ([4, 3, 2, 1, 0], False, 0)


def test_reading_ends_with_the_oldest_run_that_the_list_requires(
    workspace: Path, tmp_path: Path
) -> None:
    place = Workspace(tmp_path / "workspace", "flights")
    shutil.copytree(workspace, place.root)
    for number in range(30):
        records.write(place.runs, _record(number, True))
    # The published versions are newer than all of these runs.
    (place.runs / "20130101-000000.json").write_text("not read")
    listing = models.list_models(place, 2)
    assert [entry.version for entry in listing.entries] == [2, 1]
    assert (listing.more, listing.unread, listing.unreadable) == (True, 0, ())


def test_runs_that_were_not_read_are_told(tmp_path: Path) -> None:
    place = _history(tmp_path, [True, *[False] * 25])
    done = CliRunner().invoke(
        app.taxiway, ["registry", "list", "--limit", "1", "--workspace", str(place.root)]
    )
    assert done.output == (
        "6 older runs were not read; they may have left models.\n"
        "Next   taxiway registry list --all\n"
    )
    content = json.loads(
        CliRunner()
        .invoke(
            app.taxiway,
            ["registry", "list", "--limit", "1", "--json", "--workspace", str(place.root)],
        )
        .output
    )
    assert (content["models"], content["more"], content["unread"]) == ([], True, 6)


def test_a_model_is_shown_by_its_run_or_by_the_start_of_its_id(
    workspace: Path, tmp_path: Path
) -> None:
    place = Workspace(tmp_path / "workspace", "flights")
    shutil.copytree(workspace, place.root)
    refused = _record(7, True).model_copy(update={"model_id": "c0ffee00" * 8})
    records.write(place.runs, refused)
    published = models.read_manifest(place.model_base, 2)
    assert models.find(place, "2") == published
    assert models.find(place, published.run_id) == published
    assert models.find(place, published.model_id[:8]) == published
    assert models.find(place, refused.run_id) == models.find(place, "c0ffee00") == refused
    with pytest.raises(UsageError, match="there is no model or run c0ffee0"):
        models.find(place, "c0ffee0")
