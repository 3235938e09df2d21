"""Whatever is done in whatever order, no alias names a version that must not serve."""

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

from serving import aliases, manifest, store
from serving.errors import StoreError, Unblessed
from serving.manifest import Blessing
from tests.proof import Proof
from tests.serving.publishers import FACTS
from tests.serving.test_aliases import served

_BAD = Blessing(blessed=False, reasons=("auc",))


class _Registry(RuleBasedStateMachine):
    """Operations on a folder of versions, and on what is in it."""

    count = 0
    broken: tuple[str, ...] = ()

    @initialize()
    def begin(self) -> None:
        type(self).count += 1
        self.root = Path(tempfile.mkdtemp())
        self.base = self.root / "served" / "flights"
        self.harmed: set[int] = set()
        self.numbers: list[int] = []
        self.content = 0
        for _ in range(3):
            self.publish()

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    def _model(self) -> Path:
        self.content += 1
        model = self.root / f"model-{self.content}"
        model.mkdir()
        (model / "saved_model.pb").write_text(str(self.content))
        return model

    def _verify(self, folder: Path) -> None:
        """Stand in for loading, which other tests look at: what was harmed is seen by its hash."""

    @rule()
    def publish(self) -> None:
        version = store.publish(self._model(), self.base, FACTS, self._verify)
        self.numbers.append(int(version.name))

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
        self._give(version, aliases.STABLE, "rollback")

    @precondition(lambda self: self.base.parent.exists())
    @rule()
    def roll_back_to_the_version_before(self) -> None:
        before = aliases.of_model(self.base).previous()
        if before is not None:
            self._give(before, aliases.STABLE, "rollback")

    def _give(self, version: int, alias: str, action: str) -> None:
        self.base.parent.mkdir(parents=True, exist_ok=True)
        may = version in store.versions(self.base) and version not in self.harmed
        try:
            aliases.promote(
                self.base,
                version,
                "ann",
                alias,
                action=action,
                verify=self._verify,  # type: ignore[arg-type]
            )
        except StoreError:
            if may:
                self._violated(f"version {version} was refused")
        else:
            if not may:
                self._violated(f"version {version} was given an alias")

    @rule(version=st.integers(1, 5), how=st.sampled_from(["graph", "manifest", "unbless", "link"]))
    def harm(self, version: int, how: str) -> None:
        folder = self.base / str(version)
        if not folder.exists() or version in self.harmed | self._aliased():
            return
        self.harmed.add(version)
        if how == "graph":
            (folder / "saved_model.pb").write_text("harmed")
        elif how == "link":
            (folder / "link").symlink_to("/etc")
        elif how == "manifest":
            (folder / manifest.NAME).unlink(missing_ok=True)
        elif (folder / manifest.NAME).exists():
            known = json.loads((folder / manifest.NAME).read_text())
            known["blessing"]["blessed"] = False
            (folder / manifest.NAME).write_text(json.dumps(known))

    @rule(version=st.integers(1, 5))
    def copy_a_version_over_another(self, version: int) -> None:
        """Whoever copies folders by hand brings no blessing to another number."""
        source, target = self.base / str(version), self.base / str(version + 3)
        if source.exists() and not target.exists() and max(self.numbers, default=0) > version + 3:
            shutil.copytree(source, target, symlinks=True)
            self.harmed.add(version + 3)

    @rule(version=st.integers(1, 5))
    def remove_an_old_version(self, version: int) -> None:
        folder = self.base / str(version)
        newest = max(store.versions(self.base), default=0)
        if folder.exists() and version != newest and version not in self._aliased():
            shutil.rmtree(folder)

    @rule()
    def leave_a_half_written_file(self) -> None:
        if self.base.parent.exists():
            (self.base.parent / f".{aliases.CONFIG}").write_text("half of a")

    def _aliased(self) -> set[int]:
        return set(aliases.of_model(self.base).aliases.values())

    def _violated(self, what: str) -> None:
        type(self).broken += (what,)

    @invariant()
    def no_alias_names_what_must_not_serve(self) -> None:
        if not hasattr(self, "base") or not (self.base.parent / aliases.CONFIG).exists():
            return
        labels = served(self.base)
        if labels != aliases.of_model(self.base).aliases:
            self._violated(f"TF Serving reads {labels}")
        for alias, version in labels.items():
            try:
                aliases.check(self.base, version, self._verify)
            except StoreError as error:
                self._violated(f"{alias} is version {version}: {error}")
        if len(self.numbers) != len(set(self.numbers)):
            self._violated(f"versions {self.numbers}")


def test_no_route_leads_what_is_not_blessed_to_an_alias(full: bool, proof: Proof) -> None:
    sequences = 500 if full else 50
    _Registry.count, _Registry.broken = 0, ()
    run_state_machine_as_test(
        _Registry,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert _Registry.count >= sequences
    for number in range(_Registry.count):
        proof.case("sequences of registry commands", [] if number else list(_Registry.broken))
    assert _Registry.broken == ()
