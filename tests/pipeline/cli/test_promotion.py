"""`taxiway registry promote`, `rollback`, `history` and `gc`, as the user runs them."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import app, promotion
from pipeline.errors import NotBlessed, UsageError, WorkspaceBusy
from pipeline.metadata import store as metadata
from pipeline.runs import records
from pipeline.runs.records import Output, RunRecord
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import aliases, publish
from serving.store.manifest import Blessing, Facts
from serving.store.model_config import ServerPolicy
from tests.conftest import PROJECT, RUN, Run, taxiway
from tests.pipeline.databases import Ledger
from tests.serving.tiny import export

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small SavedModels that answer."""
    folder = tmp_path_factory.mktemp("models")
    return [export(folder / str(weight), weight=weight) for weight in (0.25, 0.5)]


def _long_ago() -> datetime.datetime:
    """Return a time since when a server has had time to load what was published then."""
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)


@pytest.fixture
def workspace(models: list[Path], tmp_path: Path) -> Workspace:
    """Two published versions, the newest stable."""
    place = Workspace(tmp_path, "flights")
    for number, model in enumerate(models, 1):
        facts = Facts(name="flights", blessing=Blessing(blessed=True), run_id=f"run-{number}")
        version = publish.publish(model, place.model_base, facts, lambda _: None)
        aliases.promote(
            place.model_base, int(version.name), "flights.Pusher", action="publish",
            server=ServerPolicy(now=_long_ago), verify=lambda _: None,
        )  # fmt: skip
    return place


@pytest.fixture
def command(workspace: Workspace) -> Command:
    """Run `taxiway registry` in this process."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(
            app.taxiway,
            ["registry", *words, "--workspace", str(workspace.root)],
            standalone_mode=False,
        )

    return run


def _states(command: Command) -> dict[int | None, tuple[str, list[str]]]:
    found = json.loads(command("list", "--json").output)["models"]
    return {each["version"]: (each["state"], each["aliases"]) for each in found}


def test_a_rollback_lets_the_version_of_before_serve(
    command: Command, workspace: Workspace
) -> None:
    assert _states(command) == {2: ("serving", ["stable"]), 1: ("retired", [])}
    done = command("rollback", "--why", "p99 doubled")
    assert done.output.startswith("Version 1 is now stable (before: version 2).\n")
    assert _states(command) == {2: ("retired", []), 1: ("serving", ["stable"])}
    history = json.loads(command("history", "--json").output)["events"]
    assert [(each["action"], each["version"], each["why"]) for each in history] == [
        ("publish", 1, ""), ("publish", 2, ""), ("rollback", 1, "p99 doubled"),
    ]  # fmt: skip
    assert "p99 doubled" in command("history").output


def test_which_version_serves_is_changed_without_ml_metadata(
    command: Command, tmp_path: Path
) -> None:
    """As a pod on Kubernetes does, which has no password of its server."""
    settings = tmp_path / "kubeflow.toml"
    settings.write_text('[metadata]\nhost = "nowhere.invalid"\n')
    elsewhere = ("--settings", str(settings))
    assert "Version 1 is now stable" in command("rollback", *elsewhere).output
    assert "Version 2 is now stable" in command("promote", "2", *elsewhere).output
    for words in (("list",), ("show", "2"), ("compare", "1", "2"), ("history",)):
        assert command(*words, *elsewhere).exit_code == 0


def test_a_version_is_promoted_under_a_name(command: Command) -> None:
    assert "Version 1 is now canary." in command("promote", "1", "--alias", "canary").output
    assert _states(command)[1] == ("serving", ["canary"])
    assert "already has the alias canary" in command("promote", "1", "--alias", "canary").output
    refused = command("promote", "1", "--alias", "Canary 1")
    assert isinstance(refused.exception, UsageError)


def test_a_version_that_does_not_load_is_not_rolled_back_to(
    command: Command, workspace: Workspace
) -> None:
    """Its manifest is made to fit the damage; only loading it shows."""
    version = workspace.model_base / "1"
    graph = (version / "saved_model.pb").read_bytes()
    facts = Facts(name="flights", blessing=Blessing(blessed=True))
    (version / "saved_model.pb").write_bytes(graph.replace(b"Sigmoid", b"Sigmund"))
    (version / "fingerprint.pb").unlink()
    broken = publish.publish(version, workspace.model_base, facts, lambda _: None)
    refused = command("rollback", broken.name)
    assert isinstance(refused.exception, NotBlessed)
    assert "Sigmund" in str(refused.exception)
    assert _states(command)[2] == ("serving", ["stable"])


def test_an_unknown_version_is_refused(command: Command) -> None:
    refused = command("promote", "9")
    assert isinstance(refused.exception, UsageError)
    assert "there is no version 9; published: 1, 2." in str(refused.exception)


def test_what_a_server_has_not_loaded_gets_its_label_later(
    command: Command, workspace: Workspace, models: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TF Serving refuses a label in use that moves to what is not loaded."""
    for model in models:
        facts = Facts(name="flights", blessing=Blessing(blessed=True))
        publish.publish(model, workspace.model_base, facts, lambda _: None)
    waits: list[float] = []
    monkeypatch.setattr(promotion.time, "sleep", waits.append)
    waited = command("promote", "4")
    assert waited.output.startswith(
        "Waiting 20 s, so that TensorFlow Serving loads the version before its label moves.\n"
    )
    assert [round(each) for each in waits] == [20]
    assert _states(command)[4] == ("serving", ["stable"])


def test_there_is_nothing_to_roll_back_to_at_first(tmp_path: Path) -> None:
    done = taxiway("registry", "rollback", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "no version was stable before the current one" in done.stderr


def test_a_refused_candidate_is_listed_with_its_reasons(
    command: Command, workspace: Workspace
) -> None:
    record = RunRecord(
        run_id="20130501-120000", began="2013-05-01T12:00:00+00:00", seconds=61.0,
        outcome="not blessed", exit_code=4, span=201304, train_spans=(201303,),
        model_id="c0ffee00" * 8, metrics={"auc": 0.51}, error="the model is not good enough",
        reasons=("auc overall: 0.5100, the minimum is 0.6",),
        outputs={"Trainer": {"model": Output(uri="/w/Trainer/model/9", id=9)}},
    )  # fmt: skip
    records.write(workspace.runs, record)
    assert _states(command)[None] == ("candidate", [])
    [candidate] = [
        each
        for each in json.loads(command("list", "--json").output)["models"]
        if each["state"] == "candidate"
    ]
    assert (candidate["uri"], candidate["reasons"]) == ("/w/Trainer/model/9", list(record.reasons))
    for name in ("20130501-120000", "c0ffee00c0"):
        assert "auc overall: 0.5100, the minimum is 0.6" in command("show", name).output
    assert isinstance(command("show", "deadbeef").exception, UsageError)


def test_garbage_is_listed_and_then_removed(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path)
    place = Workspace(tmp_path, settings.name)
    ledger = Ledger(place, metadata.open_store(settings))
    for number in range(1, 4):
        ledger.run(number)
    words = ("registry", "gc", "--keep", "1", "--workspace", str(tmp_path))

    def run(*more: str) -> Result:
        return CliRunner().invoke(app.taxiway, [*words, *more], standalone_mode=False)

    listed = run("--dry-run")
    assert "models/flights/1" in listed.output and "would be removed." in listed.output
    assert publish.versions(place.model_base) == [1, 2, 3]
    with place.exclusive():
        assert isinstance(run().exception, WorkspaceBusy)
    removed = json.loads(run("--json").output)
    assert removed["removed"] is True and len(removed["found"]) == 6
    assert publish.versions(place.model_base) == [2, 3]
    assert run().output == "0.0 MB removed.\n"


def test_what_does_not_exist_is_not_promoted_and_nothing_is_made(tmp_path: Path) -> None:
    for words in (("promote", "1"), ("rollback", "1")):
        done = taxiway("registry", *words, "--workspace", tmp_path)
        assert done.returncode == 2
        assert "there is no version 1; published: none." in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_cannot_be_read_leaves_the_manifest(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path)
    place = Workspace(tmp_path, settings.name)
    Ledger(place, metadata.open_store(settings)).run(1)
    place.metadata_db.write_text("no database")
    done = taxiway("registry", "lineage", "1", "--workspace", tmp_path)
    assert done.returncode == 0
    assert "run  run-1" in done.stdout
    assert "ML Metadata cannot be opened" in done.stdout
    assert done.stdout.endswith("The lineage above is from the manifest.\n")


def test_another_pipeline_s_workspace_is_not_cleared_up(flights_run: Run, tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text('name = "rides"\n')
    words = ("registry", "gc", "--settings", tmp_path / "taxiway.toml")
    done = taxiway(*words, "--workspace", flights_run.workspace)
    assert done.returncode == 2
    assert f"{flights_run.workspace} belongs to pipeline flights, not to rides." in done.stderr
    assert 'give each pipeline its own workspace: workspace = "workspace-rides"' in done.stderr


@pytest.mark.slow
def test_after_a_collection_an_unchanged_run_is_all_cached(flights_run: Run) -> None:
    done = taxiway("registry", "gc", "--keep", "1", "--workspace", flights_run.workspace)
    assert done.returncode == 0, done.stderr
    assert taxiway("registry", "verify", "--workspace", flights_run.workspace).returncode == 0
    again = json.loads(taxiway(*RUN, "--workspace", flights_run.workspace).stdout)
    assert again["version"] == flights_run.result["version"]
    ran = {step["name"] for step in again["steps"] if step["state"] != "cached"}
    assert ran == {"Source", "Start", "LastAcceptedData", "LatestBlessedModel"}


def test_each_command_in_the_guide_is_one() -> None:
    guide = (PROJECT / "docs/registry.md").read_text()
    commands = app.taxiway.commands["registry"].commands
    named = re.findall(r"^taxiway registry (\w+)(.*)", guide, re.MULTILINE)
    assert {name for name, _ in named} == set(commands)
    for name, rest in named:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest.split("#")[0])) <= known, rest
