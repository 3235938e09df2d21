"""What `registry gc` removes, and what it keeps."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import UsageError, WorkspaceBusy
from pipeline.metadata import store as metadata
from pipeline.orchestration import recovery
from pipeline.registry import index, retention
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import aliases, publish
from tests.pipeline.databases import PASSWORD, Ledger
from tests.pipeline.registry.garbage import KEPT, collect, folders, policy_after


def test_what_nothing_needs_is_removed(ledger: Ledger) -> None:
    before = folders(ledger)
    removed = collect(ledger)
    # Version 3 is the newest and stable; 2 is what a rollback goes to.
    assert [path for kind, path in removed if kind == "version"] == ["models/flights/1"]
    assert [path for kind, path in removed if kind == "artifact"] == [
        f"artifacts/{folder}"
        for folder in before
        if folder.endswith(("/1", "/2", "/3", "/4", "/5"))
    ]
    assert publish.versions(ledger.workspace.model_base) == [2, 3]
    states = {
        Path(each.uri).exists(): each.state
        for each in ledger.store.get_artifacts()
        if each.type != "PushedModel"
    }
    assert states == {True: mlmd.Artifact.LIVE, False: mlmd.Artifact.DELETED}
    assert collect(ledger) == []
    manifests = publish.manifests(ledger.workspace.model_base)
    assert index.differences(ledger.store, ledger.workspace.model_base, manifests) == []


def test_what_serves_is_never_removed(ledger: Ledger) -> None:
    base = ledger.workspace.model_base
    aliases.promote(base, 1, "ann", "canary", verify=lambda _: None)
    assert collect(ledger) == []
    aliases.promote(base, 3, "ann", "canary", verify=lambda _: None)
    aliases.promote(base, 2, "ann", verify=lambda _: None)
    # 1 is what canary would be rolled back to.
    assert collect(ledger) == []


def test_what_a_server_may_still_answer_with_is_kept_until_it_has_read_the_file(
    ledger: Ledger,
) -> None:
    base = ledger.workspace.model_base
    aliases.promote(base, 1, "ann", "canary", verify=lambda _: None)
    for version in (2, 3):  # Of two steps between two looks, it sees the last.
        aliases.promote(base, version, "ann", "canary", verify=lambda _: None)
    versions = ("version", "models/flights/1")
    assert versions not in collect(ledger, minutes=0)
    assert versions in collect(ledger, minutes=1)


def test_what_killed_runs_and_collections_left_is_removed(ledger: Ledger) -> None:
    left = (
        ledger.workspace.artifacts / "Trainer" / "model" / "1"
    )  # where ExampleGen was execution 1
    lost = ledger.workspace.artifacts / "Trainer" / "model" / "99"
    half = ledger.workspace.artifacts / "Trainer" / "model" / ".gc-98"
    system = ledger.workspace.artifacts / "Trainer" / ".system" / "executor_execution" / "97"
    version = ledger.workspace.model_base / ".gc-9"
    for folder in (left, lost, half, system, version):
        folder.mkdir(parents=True)
    removed = [path for kind, path in collect(ledger) if kind == "left over"]
    assert removed == [
        "artifacts/Trainer/model/.gc-98", "artifacts/Trainer/model/1", "models/flights/.gc-9",
    ]  # fmt: skip
    assert system.exists()
    assert lost.exists(), "of a database that was lost: a version may come from it"


def test_a_kill_between_any_two_steps_leaves_nothing_that_looks_whole(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = retention.plan(ledger.workspace, ledger.store, KEPT, policy_after(60))
    remove, calls = shutil.rmtree, 0

    def killed(folder: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        remove(folder)

    monkeypatch.setattr(retention.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        retention.apply(ledger.store, found)
    for artifact in ledger.store.get_artifacts():
        if artifact.state == mlmd.Artifact.LIVE and artifact.type != "PushedModel":
            assert Path(artifact.uri).exists()
    monkeypatch.undo()
    os.environ.setdefault("TAXIWAY_METADATA_PASSWORD", PASSWORD)
    collect(ledger)
    assert folders(ledger) == [
        folder for folder in folders(ledger) if not Path(folder).name.startswith(".gc-")
    ]
    assert publish.versions(ledger.workspace.model_base) == [2, 3]


def test_files_that_a_killed_process_was_writing_are_removed_after_a_day(ledger: Ledger) -> None:
    root = ledger.workspace.root
    abandoned = [
        root / "runs" / ".unfinished-1-20130501.json",
        root / "data" / "ab12" / "spans" / ".unfinished-2-201305.parquet",
    ]
    recent = root / "reports" / ".unfinished-3-20130501.html"
    for file in (*abandoned, recent):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("half")
    yesterday = time.time() - 25 * 3600
    for file in abandoned:
        os.utime(file, (yesterday, yesterday))
    removed = [path for kind, path in collect(ledger) if kind == "left over"]
    assert sorted(removed) == sorted(str(file.relative_to(root)) for file in abandoned)
    assert [file.exists() for file in (*abandoned, recent)] == [False, False, True]


def _collect(settings: Settings, dry_run: bool = False) -> retention.Collection:
    return retention.collect(settings, recovery.fail_abandoned, KEPT, dry_run)


def test_a_dry_run_lists_what_the_collection_then_removes(
    ledger: Ledger, metadata_settings: Settings
) -> None:
    kind = ledger.store.get_execution_type("tfx.Trainer").id
    killed = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.RUNNING)
    run = ledger.store.get_context_by_type_and_name("pipeline_run", "run-3")
    ledger.store.put_execution(killed, [], [run])
    before = folders(ledger)
    listed = _collect(metadata_settings, dry_run=True)
    assert (folders(ledger), listed.interrupted) == (before, 0)
    assert {item.kind for item in listed.garbage} == {"version", "artifact"}
    collected = _collect(metadata_settings)
    assert (collected.garbage, collected.interrupted) == (listed.garbage, 1)
    assert not any(item.path.exists() for item in collected.garbage)
    assert _collect(metadata_settings) == retention.Collection([], 0)


def test_nothing_is_collected_while_a_run_is_active(
    ledger: Ledger, metadata_settings: Settings
) -> None:
    before = folders(ledger)
    with ledger.workspace.exclusive(), pytest.raises(WorkspaceBusy):
        _collect(metadata_settings)
    assert folders(ledger) == before


def test_a_workspace_without_a_run_is_refused_and_not_created(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    with pytest.raises(UsageError, match="there is no run yet") as caught:
        _collect(Settings(workspace=root))
    assert (caught.value.next_step, root.exists()) == ("taxiway run", False)


def test_a_workspace_without_a_blessed_model_is_collected(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path)
    metadata.open_store(settings)
    Workspace(tmp_path, settings.name).artifacts.mkdir()
    assert _collect(settings) == retention.Collection([], 0)
