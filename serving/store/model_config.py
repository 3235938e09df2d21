"""models.config: the file that TensorFlow Serving polls with --model_config_file.

The file is both TensorFlow Serving's configuration and Taxiway's record of the aliases: comments in
its first lines state every change, its author and its reason. So one rename changes all of it, or
nothing.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from serving.errors import ChangedByHand
from serving.frozen import FrozenModel
from serving.storage import local

CONFIG = "models.config"
STABLE = "stable"

_HEAD = "# Written by `taxiway registry`, read by TF Serving. Change it with that command only.\n"
_RECORD = "# taxiway: "


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclass(frozen=True)
class ServerPolicy:
    """How the TensorFlow Serving that reads models.config behaves.

    Args:
      base_path: the model's folder as the server sees it; default: as this process sees it.
      preload_next: let the server load the next version before that version has an alias;
        default true.
      settle_seconds: seconds that the server may take to read the file and load a version;
        default 0.
      sleep: function that waits for the given number of seconds.
      now: function that returns the current time.
    """

    base_path: str | None = None
    preload_next: bool = True
    settle_seconds: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime.datetime] = _now


class Event(FrozenModel):
    """A change of an alias.

    Args:
      at: time of the change: UTC, ISO 8601.
      who: author of the change.
      action: kind of the change; `publish` is a change that a pipeline run made.
      alias: name of the alias.
      version: version that the alias points at since the change.
      before: version that the alias pointed at before; None for a new alias.
      why: reason, as free text.
    """

    at: str
    who: str
    action: Literal["publish", "promote", "rollback"]
    alias: str
    version: int
    before: int | None = None
    why: str = ""


class ServedModel(FrozenModel):
    """The aliases of one model.

    Args:
      base_path: the model's folder of versions, as TensorFlow Serving sees it.
      aliases: version by alias; TensorFlow Serving calls an alias a version label.
      listed: versions that TensorFlow Serving must load, with the time since when: UTC, ISO 8601.
      history: changes of the aliases, oldest first.
    """

    base_path: str
    aliases: dict[str, int] = Field(default_factory=dict)
    listed: dict[int, datetime.datetime] = Field(default_factory=dict)
    history: tuple[Event, ...] = ()

    @property
    def loads(self) -> set[int]:
        """The versions that TensorFlow Serving must load."""
        return {*self.aliases.values(), *self.listed}

    def previous(self, alias: str = STABLE) -> int | None:
        """Return the version that an alias pointed at before its current one.

        Args:
          alias: name of the alias; default `stable`.

        Returns:
          The version; None when the alias never pointed at another one.
        """
        changes = [event for event in self.history if event.alias == alias]
        return next(
            (e.before for e in reversed(changes) if e.before not in (None, e.version)), None
        )

    def recently_served(self, policy: ServerPolicy) -> set[int]:
        """Return the versions that the server may still serve under an alias that has moved.

        Args:
          policy: behaviour of the server that reads the file.

        Returns:
          The versions that lost an alias within the time that the server may take to notice.
        """
        # Times are kept in whole seconds, so one second is added.
        since = policy.now() - datetime.timedelta(seconds=policy.settle_seconds + 1)
        recent = [e for e in self.history if datetime.datetime.fromisoformat(e.at) >= since]
        return {event.before for event in recent if event.before is not None}

    def was_ever(self, alias: str, version: int) -> bool:
        """Return whether an alias points at a version, or ever pointed at it.

        Args:
          alias: name of the alias.
          version: number of the version.
        """
        return any((event.alias, event.version) == (alias, version) for event in self.history)


class Config(FrozenModel):
    """The content of models.config.

    Args:
      models: aliases by model name.
    """

    models: dict[str, ServedModel] = Field(default_factory=dict)

    def to_text(self) -> str:
        """Return the content of the file: TensorFlow Serving's ModelServerConfig as text."""
        record = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return f"{_HEAD}{_RECORD}{record}\n{self.server_part()}"

    def server_part(self) -> str:
        """Return the part of the content that TensorFlow Serving reads."""
        entries = "".join(_entry(name, self.models[name]) for name in sorted(self.models))
        return f"model_config_list {{\n{entries}}}\n"


def read(folder: Path) -> Config:
    """Read the configuration of a folder of models.

    Args:
      folder: folder that contains models.config.

    Returns:
      The configuration; an empty one when there is no file.

    Raises:
      ChangedByHand: the content is not what `taxiway registry` writes.
      OSError: the file cannot be read.
    """
    file = folder / CONFIG
    if not file.exists():
        return Config()
    text = file.read_text(encoding="utf-8")
    record, _, server_part = text.removeprefix(_HEAD).partition("\n")
    config: Config | None = None
    with suppress(ValidationError):
        config = Config.model_validate_json(record.removeprefix(_RECORD))
    if config is None or config.server_part() != server_part:
        raise ChangedByHand(
            file,
            "expected what `taxiway registry` wrote, got other content",
            "restore the file, or remove it and set the aliases again with"
            " `taxiway registry promote`",
        )
    return config


def load_served_model(base: Path) -> ServedModel:
    """Read the aliases of one model.

    Args:
      base: TensorFlow Serving's model base path.

    Returns:
      The aliases; none when nothing was promoted yet.

    Raises:
      ChangedByHand: the content of models.config is not what `taxiway registry` writes.
      OSError: the file cannot be read.
    """
    return read(base.parent).models.get(base.name, ServedModel(base_path=str(base)))


def write(folder: Path, config: Config) -> None:
    """Replace the configuration of a folder of models in one step.

    The caller holds the folder's lock.

    Args:
      folder: folder that contains models.config.
      config: new content.

    Raises:
      OSError: the file cannot be written; the old file is unchanged.
    """
    local.remove_unfinished(folder / CONFIG)
    local.replace_file(folder / CONFIG, config.to_text())


def _entry(name: str, served: ServedModel) -> str:
    versions = "".join(f"      versions: {version}\n" for version in sorted(served.loads))
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
