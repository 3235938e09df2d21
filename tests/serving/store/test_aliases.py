"""Aliases of versions; no alias points at a version that must not serve."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.errors import ChangedByHand, DamagedModel, StoreUnwritable, Unblessed, UnknownVersion
from serving.store import aliases, model_config, publish
from serving.store.model_config import ServerPolicy
from tests.serving.follower import Follower
from tests.serving.publishers import FACTS

Another = Callable[[object], Path]


def _good(_: Path) -> None:
    """Replace the verification, which other tests cover."""


@pytest.fixture
def base(another: Another, tmp_path: Path) -> Path:
    """Three versions of a model."""
    folder = tmp_path / "served" / "flights"
    for content in range(3):
        publish.publish(another(content), folder, FACTS, _good)
    return folder


def served(base: Path) -> dict[str, int]:
    """Return the labels that TensorFlow Serving reads; all must name versions that it loads."""
    text = (base.parent / model_config.CONFIG).read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    [model] = config.model_config_list.config
    assert (model.name, model.model_platform) == (base.name, "tensorflow")
    assert set(model.version_labels.values()) <= set(model.model_version_policy.specific.versions)
    return dict(model.version_labels)


def test_tf_serving_reads_the_promoted_version(base: Path) -> None:
    aliases.promote(base, 2, "ann", verify=_good)
    event = aliases.promote(base, 3, "ann", "canary", why="try it", verify=_good)
    assert served(base) == {"stable": 2, "canary": 3}
    assert event is not None and (event.before, event.why) == (None, "try it")
    assert model_config.load_served_model(base).aliases == {"stable": 2, "canary": 3}


def test_the_version_of_before_is_remembered(base: Path) -> None:
    for version in (1, 3):
        aliases.promote(base, version, "ann", verify=_good)
    assert model_config.load_served_model(base).previous() == 1
    event = aliases.promote(base, 1, "bob", action="rollback", why="p99", verify=_good)
    assert event is not None and event.before == 3
    assert model_config.load_served_model(base).previous() == 3
    assert [(e.who, e.action, e.version) for e in model_config.load_served_model(base).history] == [
        ("ann", "promote", 1), ("ann", "promote", 3), ("bob", "rollback", 1),
    ]  # fmt: skip


def test_a_rollback_returns_to_the_version_of_before_or_to_the_named_one(base: Path) -> None:
    aliases.promote(base, 2, "ann", verify=_good)
    with pytest.raises(UnknownVersion, match="no version was stable before the current one"):
        aliases.rollback(base, "bob", verify=_good)
    aliases.promote(base, 3, "ann", verify=_good)
    event = aliases.rollback(base, "bob", why="p99", verify=_good)
    assert event is not None
    assert (event.action, event.version, event.before, event.who, event.why) == (
        "rollback", 2, 3, "bob", "p99",
    )  # fmt: skip
    assert aliases.rollback(base, "bob", 2, verify=_good) is None
    assert aliases.rollback(base, "bob", 1, verify=_good) is not None
    assert served(base) == {"stable": 1}


def test_promoting_the_current_version_changes_nothing(base: Path) -> None:
    aliases.promote(base, 2, "ann", verify=_good)
    before = (base.parent / model_config.CONFIG).read_bytes()
    assert aliases.promote(base, 2, "ann", verify=_good) is None
    assert (base.parent / model_config.CONFIG).read_bytes() == before


def test_another_model_in_the_folder_keeps_its_aliases(base: Path, another: Another) -> None:
    other = base.with_name("rides")
    publish.publish(another("rides"), other, FACTS, _good)
    for folder, version in ((base, 2), (other, 1)):
        aliases.promote(
            folder, version, "ann", verify=_good, server=ServerPolicy(f"/models/{folder.name}")
        )
    config = model_config.read(base.parent)
    assert {name: model.aliases for name, model in config.models.items()} == {
        "flights": {"stable": 2}, "rides": {"stable": 1},
    }  # fmt: skip
    assert 'base_path: "/models/rides"' in (base.parent / model_config.CONFIG).read_text()


def _unblessed(version: Path) -> None:
    facts = json.loads((version / "taxiway.json").read_text())
    facts["blessing"]["blessed"] = False
    (version / "taxiway.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("harm", "version", "error"),
    [
        (lambda _: None, 7, UnknownVersion),
        (_unblessed, 2, Unblessed),
        (lambda version: (version / "saved_model.pb").write_bytes(b""), 2, DamagedModel),
        (lambda version: (version / "taxiway.json").unlink(), 2, DamagedModel),
        (lambda version: (version / "extra").touch(), 2, DamagedModel),
    ],
)
def test_a_version_that_must_not_serve_gets_no_alias(
    harm: Callable[[Path], None], version: int, error: type[Exception], base: Path
) -> None:
    aliases.promote(base, 1, "ann", verify=_good)
    harm(base / "2")
    with pytest.raises(error):
        aliases.promote(base, version, "ann", verify=_good)
    assert served(base) == {"stable": 1}


def test_a_version_that_does_not_answer_gets_no_alias(base: Path) -> None:
    def dead(folder: Path) -> None:
        raise DamagedModel(folder, "it does not answer", "export it again")

    with pytest.raises(DamagedModel, match="it does not answer"):
        aliases.promote(base, 1, "ann", verify=dead)
    assert not (base.parent / model_config.CONFIG).exists()


def test_a_file_that_was_changed_by_hand_is_not_trusted(base: Path) -> None:
    aliases.promote(base, 2, "ann", verify=_good)
    file = base.parent / model_config.CONFIG
    file.write_text(file.read_text().replace("value: 2", "value: 3"))
    for use in (
        lambda: model_config.load_served_model(base),
        lambda: aliases.promote(base, 1, "ann", verify=_good),
    ):
        with pytest.raises(
            ChangedByHand, match="expected what `taxiway registry` wrote, got other"
        ):
            use()


def test_a_full_disk_leaves_the_file_as_it_was(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aliases.promote(base, 1, "ann", verify=_good)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreUnwritable, match="No space left on device"):
        aliases.promote(base, 2, "ann", verify=_good)
    assert served(base) == {"stable": 1}


def _patient(base: Path) -> tuple[Follower, ServerPolicy, list[float]]:
    """Return a server that follows the file, the writer's policy for it, and the writer's waits."""
    follower, waits = Follower(base), list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        follower.pass_time(seconds)

    return follower, ServerPolicy(settle_seconds=20, sleep=sleep, now=follower.now), waits


def test_a_server_follows_each_publish_without_waiting(base: Path, another: Another) -> None:
    """TensorFlow Serving rejects a label of a version that is not loaded, and never loads it."""
    follower, server, waits = _patient(base)
    for number in range(3, 6):
        if number > 3:
            publish.publish(another(f"next {number}"), base, FACTS, _good)
        aliases.promote(
            base, number, "flights.Pusher", action="publish", verify=_good, server=server
        )
        follower.pass_time(60)
        assert follower.labels == {"stable": number}
        assert follower.answers() == number
    assert waits == []
    assert follower.dropped == []


def test_two_publishes_in_a_row_are_both_followed(base: Path, another: Another) -> None:
    follower, server, waits = _patient(base)
    aliases.promote(base, 3, "flights.Pusher", action="publish", verify=_good, server=server)
    follower.pass_time(3)
    publish.publish(another("next"), base, FACTS, _good)
    aliases.promote(base, 4, "flights.Pusher", action="publish", verify=_good, server=server)
    follower.pass_time(60)
    assert waits == [17]
    assert follower.labels == {"stable": 4}


def test_a_rollback_is_followed_at_once(base: Path) -> None:
    follower, server, waits = _patient(base)
    for version in (2, 3):
        aliases.promote(base, version, "ann", verify=_good, server=server)
        follower.pass_time(60)
    waits.clear()
    assert follower.loaded == {2, 3}
    aliases.promote(base, 2, "ann", action="rollback", verify=_good, server=server)
    follower.pass_time(15)
    assert (follower.labels, follower.answers()) == ({"stable": 2}, 2)
    assert waits == []


def test_an_unloaded_version_is_listed_before_its_label_moves(base: Path) -> None:
    follower, server, waits = _patient(base)
    for version in (3, 1):
        aliases.promote(base, version, "ann", verify=_good, server=server)
        follower.pass_time(60)
        assert follower.labels == {"stable": version}
    assert waits == [20]


def test_a_version_that_a_user_moved_the_alias_from_is_not_published_again(base: Path) -> None:
    aliases.promote(base, 3, "flights.Pusher", action="publish", verify=_good)
    aliases.promote(base, 2, "ann", action="rollback", verify=_good)
    again = aliases.promote(base, 3, "flights.Pusher", action="publish", verify=_good)
    assert again is None
    assert served(base) == {"stable": 2}


def test_a_version_of_before_that_was_harmed_is_not_loaded(base: Path) -> None:
    aliases.promote(base, 1, "ann", verify=_good)
    (base / "1" / "saved_model.pb").write_bytes(b"")
    aliases.promote(base, 2, "ann", verify=_good)
    assert model_config.load_served_model(base).loads == {2, 4}


def test_where_a_person_decides_nothing_is_loaded_before(base: Path) -> None:
    aliases.promote(base, 2, "ann", verify=_good, server=ServerPolicy(preload_next=False))
    assert model_config.load_served_model(base).loads == {2}


def test_a_withdrawn_version_gets_no_requests(base: Path, another: Another) -> None:
    follower, server, waits = _patient(base)
    aliases.promote(base, 3, "flights.Pusher", action="publish", verify=_good, server=server)
    follower.pass_time(60)
    for content in ("held back", "held back too"):
        aliases.withdraw_next(base, server)
        publish.publish(another(content), base, FACTS, _good)
        follower.pass_time(60)
        assert (follower.labels, follower.answers()) == ({"stable": 3}, 3)
    assert waits == [20], "a file that does not list the next version need not be read again"
    aliases.promote(base, 5, "ann", verify=_good, server=server)
    follower.pass_time(60)
    assert (follower.labels, follower.answers()) == ({"stable": 5}, 5)


def test_before_anything_is_published_there_is_nothing_to_withdraw(tmp_path: Path) -> None:
    aliases.withdraw_next(tmp_path / "models" / "flights")
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_elses_stays_as_it_is_when_nothing_is_promoted(base: Path) -> None:
    file = base.parent / model_config.CONFIG
    file.write_text("model_config_list {}\n")
    aliases.withdraw_next(base)
    assert file.read_text() == "model_config_list {}\n"


def test_a_kill_while_a_server_loads_leaves_the_labels(base: Path) -> None:
    aliases.promote(base, 3, "ann", verify=_good)

    def killed(_: float) -> None:
        raise KeyboardInterrupt

    server = ServerPolicy(settle_seconds=20, sleep=killed)
    with pytest.raises(KeyboardInterrupt):
        aliases.promote(base, 1, "ann", verify=_good, server=server)
    assert served(base) == {"stable": 3}
    assert len(model_config.load_served_model(base).history) == 1


def test_concurrent_promotions_are_both_in_the_history(base: Path) -> None:
    names = [f"name{number}" for number in range(8)]

    def give(name: str) -> None:
        aliases.promote(base, 2, "ann", name, verify=_good)

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(give, names))
    assert served(base) == dict.fromkeys(names, 2)
    assert sorted(event.alias for event in model_config.load_served_model(base).history) == names


def test_the_file_of_an_earlier_release_is_read(base: Path) -> None:
    (base.parent / model_config.CONFIG).write_text(
        "# Written by `taxiway registry`, read by TF Serving. Change it with that command only.\n"
        '# taxiway: {"models": {"flights": {"aliases": {"stable": 2}, "base_path": "/m/flights", '
        '"history": []}}}\n'
        'model_config_list {\n  config {\n    name: "flights"\n    base_path: "/m/flights"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { specific {\n      versions: 2\n    } }\n"
        '    version_labels { key: "stable" value: 2 }\n  }\n}\n'
    )
    assert model_config.load_served_model(base).aliases == {"stable": 2}


def test_where_nothing_is_published_there_is_no_such_version(tmp_path: Path) -> None:
    with pytest.raises(UnknownVersion, match="published: none"):
        aliases.promote(tmp_path / "models" / "flights", 1, "ann", verify=_good)
    assert list(tmp_path.iterdir()) == []


def test_models_config_follows_a_moved_workspace(base: Path, tmp_path: Path) -> None:
    aliases.promote(base, 2, "ann", verify=_good)
    assert not aliases.relocate(base)
    base.parent.rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "flights"
    before = model_config.load_served_model(moved)
    assert aliases.relocate(moved) and not aliases.relocate(moved)
    after = model_config.load_served_model(moved)
    assert after == before.model_copy(update={"base_path": str(moved)})
    assert served(moved) == {"stable": 2}
