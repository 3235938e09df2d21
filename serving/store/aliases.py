"""Which version serves under which name: the file that TF Serving polls with --model_config_file.

The file is both TF Serving's configuration and our memory: what was done, by whom and why, stands
in its first lines as a comment. So one rename changes all of it, or nothing.

TF Serving looks at the labels of a new file before it loads anything. When a label in use moves to
a version that is not loaded, it refuses the whole file, at every look, and never loads that
version. So the file lists more than what has an alias, and a label moves only to what was listed
for some time:

- The version an alias had before, when it is older: it answers until the label has moved, and again
  at once after a rollback. A newer one would get all requests that name no label.
- The number that the next version will have: a server loads it as soon as it is published. It is
  taken off the list before a version is published that is not promoted at once.
- What a person promotes from elsewhere is listed first, and gets its label when it can be loaded.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from serving.errors import (
    ChangedByHand,
    DamagedModel,
    StoreUnwritable,
    Unblessed,
    UnknownVersion,
)
from serving.storage import local
from serving.store import lock, manifest, publish
from serving.store.verify import in_fresh_process

CONFIG = "models.config"
STABLE = "stable"

_HEAD = "# Written by `taxiway registry`, read by TF Serving. Change it with that command only.\n"
_MEMORY = "# taxiway: "

Verify = Callable[[Path], None]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclass(frozen=True)
class Server:
    """What is known of the TF Serving that reads the file.

    Args:
      base_path: the model's folder as it sees it; None for as it is here.
      ahead: it may load the next version before that has an alias.
      settle_seconds: it may take to read the file and load a version.
      sleep: waits so many seconds.
      now: the time.
    """

    base_path: str | None = None
    ahead: bool = True
    settle_seconds: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime.datetime] = _now


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Event(_Frozen):
    """Something that was done to an alias.

    Args:
      at: UTC, ISO 8601.
      who: did it.
      action: `publish` is what a pipeline did by itself.
      alias: the name.
      version: it has now.
      before: it had before; None for a new alias.
      why: in words.
    """

    at: str
    who: str
    action: Literal["publish", "promote", "rollback"]
    alias: str
    version: int
    before: int | None = None
    why: str = ""


class Served(_Frozen):
    """One model's aliases.

    Args:
      base_path: the model's folder of versions, as TF Serving sees it.
      aliases: version by name; TF Serving's version labels.
      listed: the versions it is to load, and since when: UTC, ISO 8601.
      history: what was done, oldest first.
    """

    base_path: str
    aliases: dict[str, int] = {}
    listed: dict[int, datetime.datetime] = {}
    history: tuple[Event, ...] = ()

    @property
    def loads(self) -> set[int]:
        """The versions that TF Serving is to load."""
        return {*self.aliases.values(), *self.listed}

    def previous(self, alias: str = STABLE) -> int | None:
        """Return the version that an alias had before the one that it has."""
        steps = [event for event in self.history if event.alias == alias]
        return next((e.before for e in reversed(steps) if e.before not in (None, e.version)), None)

    def may_answer(self, server: Server) -> set[int]:
        """Return what lost an alias so lately that the server may not have read of it.

        Args:
          server: that reads the file.
        """
        # A second more, because times are kept in whole seconds.
        since = server.now() - datetime.timedelta(seconds=server.settle_seconds + 1)
        lately = [e for e in self.history if datetime.datetime.fromisoformat(e.at) >= since]
        return {event.before for event in lately if event.before is not None}

    def had(self, alias: str, version: int) -> bool:
        """Return whether a version has an alias, or ever had it."""
        return any((event.alias, event.version) == (alias, version) for event in self.history)


class Config(_Frozen):
    """All models of a folder, by name."""

    models: dict[str, Served] = {}

    def to_text(self) -> str:
        """Return the file's content: TF Serving's ModelServerConfig as text."""
        memory = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return f"{_HEAD}{_MEMORY}{memory}\n{self.served()}"

    def served(self) -> str:
        """Return the part that TF Serving reads."""
        entries = "".join(_entry(name, self.models[name]) for name in sorted(self.models))
        return f"model_config_list {{\n{entries}}}\n"


def read(folder: Path) -> Config:
    """Read the configuration of a folder of models; an empty one when there is none.

    Raises:
      ChangedByHand: the file is not what this release wrote.
      OSError: the file cannot be read.
    """
    file = folder / CONFIG
    if not file.exists():
        return Config()
    text = file.read_text(encoding="utf-8")
    memory, _, rest = text.removeprefix(_HEAD).partition("\n")
    config: Config | None = None
    with suppress(ValidationError):
        config = Config.model_validate_json(memory.removeprefix(_MEMORY))
    if config is None or config.served() != rest:
        raise ChangedByHand(
            file,
            "it is not what `taxiway registry` wrote",
            "restore it, or remove it and give the aliases again with `taxiway registry promote`",
        )
    return config


def of_model(base: Path) -> Served:
    """Return the aliases of one model; none when nothing was promoted yet.

    Args:
      base: TF Serving's model base path.

    Raises:
      ChangedByHand: the file is not what this release wrote.
    """
    return read(base.parent).models.get(base.name, Served(base_path=str(base)))


def promote(
    base: Path,
    version: int,
    who: str,
    alias: str = STABLE,
    action: Literal["publish", "promote", "rollback"] = "promote",
    why: str = "",
    server: Server = Server(),
    verify: Verify = in_fresh_process,
) -> Event | None:
    """Give an alias to a version, after proving that it is blessed, unchanged and answers.

    Args:
      base: TF Serving's model base path.
      version: the version.
      who: does it.
      alias: TF Serving's version label.
      action: for the history. A `publish` leaves alone what a person took the alias from.
      why: for the history.
      server: that reads the file; this waits for it when it could not have loaded the version yet.
      verify: raises DamagedModel when the folder it is given holds no good SavedModel.

    Returns:
      What was done; None when nothing had to be.

    Raises:
      UnknownVersion: there is no such version.
      Unblessed: its manifest does not say that it is blessed.
      DamagedModel: it is not what was published, or does not answer.
      ChangedByHand: the configuration is not what this release wrote.
      StoreBusy: another process changes the configuration.
      StoreUnwritable: the disk did not take it.
    """
    folder = base.parent
    _check_known(base, version)
    with _changing(folder):
        config = read(folder)
        seen_at = server.base_path or str(base.resolve())
        served = config.models.get(base.name, Served(base_path=seen_at))
        before = served.aliases.get(alias)
        check(base, version, verify)
        if before == version and served.base_path == seen_at:
            return None
        if action == "publish" and before != version and served.had(alias, version):
            return None
        if before is not None:
            served = _let_load(folder, config, base.name, version, server)
        event = Event(
            at=server.now().isoformat(timespec="seconds"), who=who, action=action, alias=alias,
            version=version, before=before, why=why,
        )  # fmt: skip
        changed = Served(
            base_path=seen_at,
            aliases={**served.aliases, alias: version},
            listed=served.listed,
            history=(*served.history, event),
        )
        _write(folder, config, base.name, _listing(base, changed, server))
        return event


def hold_back(base: Path, server: Server = Server()) -> None:
    """Have no server load the next version before it is promoted.

    Where the file lists that version already, this waits until the server has read the new file,
    and nobody lists it again meanwhile. A file that somebody wrote by hand is left alone.

    Args:
      base: TF Serving's model base path.
      server: that reads the file.

    Raises:
      StoreBusy: another process changes the configuration.
      StoreUnwritable: the disk did not take it.
    """
    folder = base.parent
    if not (folder / CONFIG).exists():
        return
    with _changing(folder):
        try:
            config = read(folder)
        except ChangedByHand:
            return
        served = config.models.get(base.name)
        following = max(publish.versions(base), default=0) + 1
        if served is None or following not in served.listed:
            return
        listed = {each: since for each, since in served.listed.items() if each != following}
        _write(folder, config, base.name, served.model_copy(update={"listed": listed}))
        server.sleep(server.settle_seconds)


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    try:
        with lock.exclusive(folder, publish.WAIT_SECONDS):
            yield
    except OSError as error:
        raise StoreUnwritable(
            folder, f"{error.strerror or error} while {CONFIG} was written",
            "make room or correct the rights, and do it again",
        ) from error  # fmt: skip


def _let_load(folder: Path, config: Config, name: str, version: int, server: Server) -> Served:
    """Wait until a version was listed as long as a server may take to load it.

    A kill meanwhile leaves a version listed that has no alias; the next change removes it.
    """
    served, now = config.models[name], server.now()
    if version not in served.loads:
        served = served.model_copy(update={"listed": {**served.listed, version: now}})
        _write(folder, config, name, served)
    # Of a file that another release wrote, it is not known since when.
    since = served.listed.get(version, now)
    missing = server.settle_seconds - (now - since).total_seconds()
    if missing > 0:
        server.sleep(missing)
    return served


def _listing(base: Path, served: Served, server: Server) -> Served:
    """List what TF Serving is to load beside what has an alias."""
    wanted = set(served.aliases.values())
    newest = max(wanted)
    for alias in served.aliases:
        before = served.previous(alias)
        if before is not None and before < newest and _fit(base, before):
            wanted.add(before)
    if server.ahead:
        wanted.add(max(publish.versions(base)) + 1)
    now = server.now()
    listed = {version: served.listed.get(version, now) for version in sorted(wanted)}
    return served.model_copy(update={"listed": listed})


def _fit(base: Path, version: int) -> bool:
    try:
        check(base, version, _answered_before)
    except (UnknownVersion, Unblessed, DamagedModel):
        return False
    return True


def _answered_before(_: Path) -> None:
    """Take a version for good that has served; its hashes say that it is the same."""


def check(base: Path, version: int, verify: Verify = in_fresh_process) -> None:
    """Prove that a version may serve.

    Args:
      base: TF Serving's model base path.
      version: the version.
      verify: raises DamagedModel when the folder it is given holds no good SavedModel.

    Raises:
      UnknownVersion: there is no such version.
      Unblessed: its manifest does not say that it is blessed.
      DamagedModel: it is not what was published, or does not answer.
    """
    _check_known(base, version)
    folder = base / str(version)
    problems = publish.verify_hashes(folder)
    if problems:
        raise DamagedModel(folder, "; ".join(problems), "publish the model again")
    known_of = manifest.read(folder)
    for blessing in filter(None, (known_of.blessing, known_of.infra_blessing)):
        if not blessing.blessed:
            raise Unblessed(folder, "the version is not blessed", "taxiway registry list")
    verify(folder)


def _check_known(base: Path, version: int) -> None:
    known = publish.versions(base)
    if version not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise UnknownVersion(
            base, f"there is no version {version}; published: {listed}", "taxiway registry list"
        )


def _entry(name: str, served: Served) -> str:
    versions = "".join(f"      versions: {each}\n" for each in sorted(served.loads))
    labels = "".join(
        f"    version_labels {{ key: {json.dumps(alias)} value: {version} }}\n"
        for alias, version in sorted(served.aliases.items())
    )
    return (
        "  config {\n"
        f"    name: {json.dumps(name)}\n"
        f"    base_path: {json.dumps(served.base_path, ensure_ascii=False)}\n"
        '    model_platform: "tensorflow"\n'
        f"    model_version_policy {{ specific {{\n{versions}    }} }}\n"
        f"{labels}"
        "  }\n"
    )


def _write(folder: Path, config: Config, name: str, served: Served) -> None:
    """Replace the file, whole or not at all."""
    local.remove_unfinished(folder / CONFIG)
    text = Config(models={**config.models, name: served}).to_text()
    local.replace_file(folder / CONFIG, text)
