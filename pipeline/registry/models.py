"""Every model of a workspace, published or not, and its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from pipeline.components import names
from pipeline.errors import UsageError
from pipeline.registry.errors import as_cli_errors
from pipeline.runs import records
from pipeline.runs.records import RunRecord, UnreadableRecord
from pipeline.workspace import Workspace
from serving.errors import UnreadableManifest
from serving.store import manifest, model_config, publish
from serving.store.manifest import Manifest

# Fewest digits of a model id that identify it; a shorter number is a version.
_SHORTEST_ID = 8

# Reading 1,000 records takes half a second.
_RUNS_PER_MODEL = 20

State = Literal["candidate", "blessed", "serving", "retired"]


@dataclass(frozen=True)
class Entry:
    """A model.

    Args:
      state: `candidate` was refused; `blessed` was published and never served; `serving` has an
        alias; `retired` had one.
      version: published version; None for a candidate.
      aliases: aliases of the version.
      uri: folder of the version, or of the trained model.
      manifest: manifest of the version; None for a candidate.
      record: record of the run that made it; None when it is gone.
    """

    state: State
    version: int | None
    aliases: tuple[str, ...]
    uri: str
    manifest: Manifest | None
    record: RunRecord | None

    @property
    def model_id(self) -> str:
        """Hash of the model's files."""
        if self.manifest is not None:
            return self.manifest.model_id
        return (self.record and self.record.model_id) or ""

    @property
    def run_id(self) -> str:
        """Id of the run that made it."""
        if self.manifest is not None:
            return self.manifest.run_id
        return self.record.run_id if self.record else ""

    @property
    def at(self) -> str:
        """Time at which it was published, or its run began: UTC, ISO 8601."""
        if self.manifest is not None:
            return self.manifest.published_at
        return self.record.began if self.record else ""

    @property
    def hyperparameters(self) -> Mapping[str, JsonValue]:
        """Hyperparameters that it was trained with."""
        if self.manifest is not None:
            return self.manifest.hyperparameters
        return self.record.hyperparameters if self.record else {}

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Metrics on the whole eval split."""
        if self.manifest is not None:
            return self.manifest.metrics
        return self.record.metrics if self.record else {}


@dataclass(frozen=True)
class Listing:
    """Models of a workspace, newest first.

    Args:
      entries: the models.
      more: whether the workspace has, or may have, older models.
      unread: number of older runs whose records were not read, so they may have left models.
      unreadable: run records that cannot be read.
    """

    entries: tuple[Entry, ...]
    more: bool
    unread: int
    unreadable: tuple[UnreadableRecord, ...]


def list_models(workspace: Workspace, limit: int | None = None) -> Listing:
    """List the models, newest first, without TensorFlow and ML Metadata.

    A workspace may have thousands of runs, and most may have left no model. So reading ends with
    the oldest run that the limit requires, or else after 20 runs for each model of the limit.

    Args:
      workspace: workspace to read.
      limit: maximum number of models; default None, all.

    Raises:
      ChangedByHand: models.config is not as Taxiway wrote it.
    """
    published = list(_published(workspace, limit))
    # A repeated run takes the model that an earlier run trained from the cache.
    trained = {_trained_uri(entry.record) for entry in published if entry.record is not None}
    versions = set(publish.versions(workspace.model_base))
    candidates: list[Entry] = []
    unreadable: list[UnreadableRecord] = []
    runs, read = records.count(workspace.runs), 0
    for record in records.newest_first(workspace.runs):
        read += 1
        if isinstance(record, UnreadableRecord):
            unreadable.append(record)
            continue
        uri = _trained_uri(record)
        if record.model_id and uri not in trained and record.version not in versions:
            trained.add(uri)
            candidates.append(Entry("candidate", None, (), uri, None, record))
        if limit is not None and (
            read >= limit * _RUNS_PER_MODEL
            or len(candidates) + sum(entry.at >= record.began for entry in published) > limit
        ):
            break
    entries = sorted([*published, *candidates], key=_age, reverse=True)
    shown = entries if limit is None else entries[:limit]
    # Older runs cannot change a full list.
    unread = max(0, runs - read) if len(shown) == len(entries) else 0
    more = len(entries) > len(shown) or unread > 0
    return Listing(tuple(shown), more, unread, tuple(unreadable))


def find(workspace: Workspace, name: str) -> Manifest | RunRecord:
    """Return the manifest of a version, or the record of the run whose model was refused.

    Args:
      workspace: workspace to read.
      name: version, model id or its first 8 digits, or run id.

    Raises:
      UsageError: there is no such model or run.
      InfrastructureError: the manifest of the version cannot be read.
    """
    if name.isdecimal() and len(name) < _SHORTEST_ID:
        return read_manifest(workspace.model_base, int(name))
    is_id = len(name) >= _SHORTEST_ID
    with as_cli_errors():
        for entry in _published(workspace, None):
            if entry.manifest and (
                entry.run_id == name or (is_id and entry.model_id.startswith(name))
            ):
                return entry.manifest
    try:
        return records.read(workspace.runs / f"{Path(name).name}.json")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise UsageError(f"run {name}: its record cannot be read: {error}.") from error
    for record in records.newest_first(workspace.runs) if is_id else ():
        if isinstance(record, RunRecord) and (record.model_id or "").startswith(name):
            return record
    raise UsageError(f"{workspace.root}: there is no model or run {name}.", "taxiway registry list")


def read_manifest(base: Path, version: int) -> Manifest:
    """Return the manifest of a version.

    Args:
      base: TensorFlow Serving's model base path.
      version: number of the version.

    Raises:
      UsageError: there is no such version.
      InfrastructureError: the manifest cannot be read.
    """
    versions = publish.versions(base)
    if version not in versions:
        published = ", ".join(map(str, versions)) or "none"
        raise UsageError(
            f"{base}: there is no version {version}; published: {published}.",
            "taxiway registry list",
        )
    with as_cli_errors():
        return manifest.read(base / str(version))


def _published(workspace: Workspace, limit: int | None) -> Iterator[Entry]:
    """Yield the newest published versions, one more than the limit."""
    base = workspace.model_base
    served = model_config.load_served_model(base)
    promoted = {event.version for event in served.history}
    versions = publish.versions(base)
    for version in reversed(versions if limit is None else versions[-limit - 1 :]):
        try:
            facts = manifest.read(base / str(version))
        except UnreadableManifest:  # `registry verify` reports it
            continue
        aliases = tuple(sorted(name for name, at in served.aliases.items() if at == version))
        state: State = "serving" if aliases else "retired" if version in promoted else "blessed"
        if not served.history:
            # Without an alias TensorFlow Serving serves the newest version.
            state = "serving" if version == versions[-1] else "retired"
        record = _record(workspace, facts.run_id)
        yield Entry(state, version, aliases, str(base / str(version)), facts, record)


def _record(workspace: Workspace, run_id: str) -> RunRecord | None:
    if not run_id:
        return None
    try:
        return records.read(workspace.runs / f"{run_id}.json")
    except (OSError, ValueError):
        return None


def _trained_uri(record: RunRecord) -> str:
    """Return the URI of the model that the Trainer wrote; "" when it wrote none."""
    trainer = record.outputs.get(names.TRAINER)
    return trainer["model"].uri if trainer else ""


def _age(entry: Entry) -> tuple[str, int]:
    return entry.at, entry.version or 0
