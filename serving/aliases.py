"""Which version serves under which name: the file that TF Serving polls with --model_config_file.

The file is both TF Serving's configuration and our memory: what was done, by whom and why, stands
in its first lines as a comment. So one rename changes all of it, or nothing.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from serving import files, lock, manifest, store
from serving.errors import (
    ChangedByHand,
    DamagedModel,
    StoreUnwritable,
    Unblessed,
    UnknownVersion,
)
from serving.verify import in_fresh_process

CONFIG = "models.config"
STABLE = "stable"

_HEAD = "# Written by `taxiway registry`, read by TF Serving. Change it with that command only.\n"
_MEMORY = "# taxiway: "

Verify = Callable[[Path], None]


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
      history: what was done, oldest first.
    """

    base_path: str
    aliases: dict[str, int] = {}
    history: tuple[Event, ...] = ()

    def previous(self, alias: str = STABLE) -> int | None:
        """Return the version that an alias had before the one that it has."""
        steps = [event for event in self.history if event.alias == alias]
        return next((e.before for e in reversed(steps) if e.before not in (None, e.version)), None)


class Config(_Frozen):
    """All models of a folder, by name."""

    models: dict[str, Served] = {}

    def to_text(self) -> str:
        """Return the file's content: TF Serving's ModelServerConfig as text."""
        memory = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        entries = "".join(_entry(name, self.models[name]) for name in sorted(self.models))
        return f"{_HEAD}{_MEMORY}{memory}\nmodel_config_list {{\n{entries}}}\n"


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
    memory = next((line for line in text.splitlines() if line.startswith(_MEMORY)), "")
    config: Config | None = None
    with suppress(ValidationError):
        config = Config.model_validate_json(memory.removeprefix(_MEMORY))
    if config is None or config.to_text() != text:
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
    base_path: str | None = None,
    verify: Verify = in_fresh_process,
) -> Event | None:
    """Give an alias to a version, after proving that it is blessed, unchanged and answers.

    Args:
      base: TF Serving's model base path.
      version: the version.
      who: does it.
      alias: TF Serving's version label.
      action: for the history.
      why: for the history.
      base_path: the folder as TF Serving sees it; by default as it is here.
      verify: raises DamagedModel when the folder it is given holds no good SavedModel.

    Returns:
      What was done; None when the version has the alias already.

    Raises:
      UnknownVersion: there is no such version.
      Unblessed: its manifest does not say that it is blessed.
      DamagedModel: it is not what was published, or does not answer.
      ChangedByHand: the configuration is not what this release wrote.
      StoreBusy: another process changes the configuration.
      StoreUnwritable: the disk did not take it.
    """
    folder = base.parent
    try:
        with lock.exclusive(folder, store.WAIT_SECONDS):
            config = read(folder)
            seen_at = base_path or str(base.resolve())
            served = config.models.get(base.name, Served(base_path=seen_at))
            before = served.aliases.get(alias)
            check(base, version, verify)
            if before == version and served.base_path == seen_at:
                return None
            event = Event(
                at=_now(), who=who, action=action, alias=alias,
                version=version, before=before, why=why,
            )  # fmt: skip
            changed = Served(
                base_path=seen_at,
                aliases={**served.aliases, alias: version},
                history=(*served.history, event),
            )
            _write(folder / CONFIG, Config(models={**config.models, base.name: changed}).to_text())
            return event
    except OSError as error:
        raise StoreUnwritable(
            folder, f"{error.strerror or error} while {CONFIG} was written",
            "make room or correct the rights, and do it again",
        ) from error  # fmt: skip


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
    known = store.versions(base)
    if version not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise UnknownVersion(
            base, f"there is no version {version}; published: {listed}", "taxiway registry list"
        )
    folder = base / str(version)
    problems = store.verify_hashes(folder)
    if problems:
        raise DamagedModel(folder, "; ".join(problems), "publish the model again")
    known_of = manifest.read(folder)
    for blessing in filter(None, (known_of.blessing, known_of.infra_blessing)):
        if not blessing.blessed:
            raise Unblessed(folder, "the version is not blessed", "taxiway registry list")
    verify(folder)


def _entry(name: str, served: Served) -> str:
    versions = "".join(f"      versions: {each}\n" for each in sorted({*served.aliases.values()}))
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


def _write(file: Path, content: str) -> None:
    """Replace a file, whole or not at all."""
    unfinished = file.with_name(f".{file.name}")
    unfinished.unlink(missing_ok=True)  # of a process that was killed
    files.write(unfinished, content)
    unfinished.replace(file)
    files.flush_folder(file.parent)


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
