"""After any sequence of operations, aliases name servable versions and servers follow."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.registry import retention
from pipeline.workspace import Workspace
from serving.errors import ChangedByHand, StoreError, Unblessed
from serving.storage import local
from serving.store import aliases, manifest, model_config
from serving.store import publish as store
from serving.store.manifest import Blessing
from serving.store.model_config import ServerPolicy
from tests.proof import Proof
from tests.serving.follower import Follower
from tests.serving.publishers import FACTS
from tests.serving.store.test_aliases import served

_BAD = Blessing(blessed=False, reasons=("auc",))
_SETTLE = 20


class _Registry(RuleBasedStateMachine):
    """Operations on a folder of versions and on its files."""

    count = 0
    broken: tuple[str, ...] = ()

    @initialize(promotes=st.booleans())
    def begin(self, promotes: bool) -> None:
        """Begin with three versions.

        Args:
          promotes: the setting publish.promote.
        """
        type(self).count += 1
        self.promotes = promotes
        self.root = Path(tempfile.mkdtemp())
        self.workspace = Workspace(self.root, "flights")
        self.base = self.workspace.model_base
        self.follower = Follower(self.base)
        self.harmed: set[int] = set()
        self.numbers: list[int] = []
        self.content = 0
        for _ in range(3):
            self._publish()

    def teardown(self) -> None:
        self._all_follow()
        shutil.rmtree(self.root)

    def _model(self) -> Path:
        self.content += 1
        model = self.root / f"model-{self.content}"
        model.mkdir()
        (model / "saved_model.pb").write_text(str(self.content))
        return model

    def _verify(self, folder: Path) -> None:
        """Replace loading, which other tests cover; a hash reveals a damaged version."""

    @rule()
    def publish(self) -> None:
        """Publish as the pipeline does."""
        version = self._publish()
        if self.promotes:
            self._give(version, model_config.STABLE, "publish")

    def _publish(self) -> int:
        version = int(store.publish(self._model(), self.base, FACTS, self._verify).name)
        self.numbers.append(version)
        return version

    @rule()
    def publish_the_newest_once_more(self) -> None:
        """Publish as a pipeline that was killed, or whose Pusher runs again."""
        newest = max(store.versions(self.base))
        taken = model_config.load_served_model(self.base)
        if newest in self.harmed or not self.promotes:
            return
        model = self.base / str(newest)
        again = store.publish(model, self.base, FACTS, self._verify)
        assert again == model
        self._give(newest, model_config.STABLE, "publish")
        left = (
            taken.was_ever(model_config.STABLE, newest)
            and taken.aliases[model_config.STABLE] != newest
        )
        if (
            left
            and model_config.load_served_model(self.base).aliases[model_config.STABLE] == newest
        ):
            self._violated(f"version {newest} is stable again, from which it was taken")

    @rule(infra=st.booleans())
    def publish_what_is_not_blessed(self, infra: bool) -> None:
        facts = FACTS.model_copy(update={"infra_blessing" if infra else "blessing": _BAD})
        with pytest.raises(Unblessed):
            store.publish(self._model(), self.base, facts, self._verify)

    @rule(version=st.integers(0, 5), alias=st.sampled_from(["stable", "canary"]))
    def promote(self, version: int, alias: str) -> None:
        self._give(version, alias, "promote")

    @rule(version=st.integers(1, 5))
    def roll_back(self, version: int) -> None:
        self._give(version, model_config.STABLE, "rollback")

    @precondition(lambda self: self.base.parent.exists())
    @rule()
    def roll_back_to_the_version_before(self) -> None:
        before = model_config.load_served_model(self.base).previous()
        if before is not None:
            self._give(before, model_config.STABLE, "rollback")

    def _give(self, version: int, alias: str, action: str) -> None:
        may = version in store.versions(self.base) and version not in self.harmed
        try:
            aliases.promote(
                self.base,
                version,
                "ann",
                alias,
                action=action,  # type: ignore[arg-type]
                server=self._server(),
                verify=self._verify,
            )
        except StoreError:
            if may:
                self._violated(f"version {version} was refused")
        else:
            if not may:
                self._violated(f"version {version} was given an alias")

    def _server(self) -> ServerPolicy:
        follower = self.follower
        return ServerPolicy(
            preload_next=self.promotes,
            settle_seconds=_SETTLE,
            sleep=follower.pass_time,
            now=follower.now,
        )

    @rule(seconds=st.sampled_from([1, 9, 60]))
    def pass_time(self, seconds: int) -> None:
        self.follower.pass_time(seconds)

    @rule(version=st.integers(1, 5), how=st.sampled_from(["graph", "manifest", "unbless", "link"]))
    def harm(self, version: int, how: str) -> None:
        folder = self.base / str(version)
        if not folder.exists() or version in self.harmed | self._aliased():
            return
        if version in self.follower.loaded | set(self.follower.labels.values()):
            return
        self.harmed.add(version)
        if how == "graph":
            (folder / "saved_model.pb").write_text("harmed")
        elif how == "link":
            (folder / "link").symlink_to("/etc")
        elif how == "manifest":
            (folder / manifest.NAME).unlink(missing_ok=True)
        elif (folder / manifest.NAME).exists():
            facts = json.loads((folder / manifest.NAME).read_text())
            facts["blessing"]["blessed"] = False
            (folder / manifest.NAME).write_text(json.dumps(facts))

    @rule(version=st.integers(1, 5), further=st.integers(1, 3))
    def copy_a_version_over_another(self, version: int, further: int) -> None:
        """A folder that is copied by hand does not bless another version."""
        source, target = self.base / str(version), self.base / str(version + further)
        if source.exists() and not target.exists() and max(self.numbers) > version + further:
            shutil.copytree(source, target, symlinks=True)
            self.harmed.add(version + further)

    @rule(keep=st.integers(1, 3))
    def collect_garbage(self, keep: int) -> None:
        database = mlmd.ConnectionConfig()
        database.fake_database.SetInParent()
        ledger = metadata_store.MetadataStore(database)
        garbage = retention.plan(self.workspace, ledger, keep, self._server())
        retention.apply(ledger, garbage)
        gone = model_config.load_served_model(self.base).loads & set(self.numbers) - set(
            store.versions(self.base)
        )
        if gone:
            self._violated(f"versions {gone} are listed, and were removed")

    @precondition(lambda self: model_config.load_served_model(self.base).aliases)
    @rule(other=st.integers(1, 9))
    def edit_the_file_by_hand(self, other: int) -> None:
        """A file that is edited by hand is detected; the edit is reverted."""
        file = self.base.parent / model_config.CONFIG
        before = file.read_text()
        stable = next(iter(model_config.load_served_model(self.base).aliases.values()))
        edited = before.replace(f"value: {stable} ", f"value: {other} ")
        file.write_text(edited)
        if edited != before:
            with pytest.raises(ChangedByHand):
                self._promote_newest()
        file.write_text(before)

    def _promote_newest(self) -> None:
        newest = max(store.versions(self.base))
        aliases.promote(self.base, newest, "ann", server=self._server(), verify=self._verify)

    @rule()
    def leave_a_half_written_file(self) -> None:
        (self.base.parent / f"{local.UNFINISHED}0123-{model_config.CONFIG}").write_text("half of a")

    def _aliased(self) -> set[int]:
        return set(model_config.load_served_model(self.base).aliases.values())

    def _violated(self, what: str) -> None:
        type(self).broken += (what,)

    @invariant()
    def no_alias_names_what_must_not_serve(self) -> None:
        if not hasattr(self, "base") or not (self.base.parent / model_config.CONFIG).exists():
            return
        labels = served(self.base)
        if labels != model_config.load_served_model(self.base).aliases:
            self._violated(f"TensorFlow Serving reads {labels}")
        for alias, version in labels.items():
            try:
                aliases.check(self.base, version, self._verify)
            except StoreError as error:
                self._violated(f"{alias} is version {version}: {error}")
        if len(self.numbers) != len(set(self.numbers)):
            self._violated(f"versions {self.numbers}")

    @invariant()
    def a_label_that_answered_answers(self) -> None:
        for broken in getattr(self, "follower", Follower(Path())).dropped:
            self._violated(broken)

    def _all_follow(self) -> None:
        """After any operation, a server that keeps polling serves what the file states."""
        self.follower.pass_time(60)
        facts = model_config.load_served_model(self.base)
        if self.follower.labels != facts.aliases:
            self._violated(f"labels are {self.follower.labels}, {facts.aliases} in the file")
        missing = set(facts.aliases.values()) - self.follower.loaded
        if missing:
            self._violated(f"versions {missing} have an alias and are not loaded")
        newest = max(facts.aliases.values(), default=None)
        if self.follower.answers() != newest:
            self._violated(f"requests without a label get version {self.follower.answers()}")


def test_no_sequence_points_an_alias_at_an_unblessed_version(full: bool, proof: Proof) -> None:
    sequences = 2000 if full else 50
    _Registry.count, _Registry.broken = 0, ()
    run_state_machine_as_test(
        _Registry,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=20,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert _Registry.count >= sequences
    for number in range(_Registry.count):
        proof.case("sequences of registry commands", [] if number else list(_Registry.broken))
    assert _Registry.broken == ()
