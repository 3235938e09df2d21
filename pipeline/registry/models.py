"""Every model of a workspace, published or not, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from pipeline.runs import records
from pipeline.runs.records import RunRecord
from pipeline.workspace import Workspace
from serving.store import model_config, publish
from serving.store.manifest import Manifest

State = Literal["candidate", "blessed", "serving", "retired"]


@dataclass(frozen=True)
class Entry:
    """A model.

    Args:
      state: `candidate` was refused; `blessed` was published and never served; `serving` has an
        alias; `retired` had one.
      version: None for a candidate.
      aliases: that the version has.
      uri: the version's folder, or the trained model's.
      manifest: of a version.
      record: of the run that made it, when it is still there.
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
        """The run that made it."""
        if self.manifest is not None:
            return self.manifest.run_id
        return self.record.run_id if self.record else ""

    @property
    def at(self) -> str:
        """When it was published, or its run began: UTC, ISO 8601."""
        if self.manifest is not None:
            return self.manifest.published_at
        return self.record.began if self.record else ""

    @property
    def hyperparameters(self) -> Mapping[str, JsonValue]:
        """What it was trained with."""
        if self.manifest is not None:
            return self.manifest.hyperparameters
        return self.record.hyperparameters if self.record else {}

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Metrics on the whole eval split."""
        if self.manifest is not None:
            return self.manifest.metrics
        return self.record.metrics if self.record else {}


def entries(workspace: Workspace) -> list[Entry]:
    """Return every model, the newest first; none of TensorFlow or ML Metadata is needed.

    Args:
      workspace: to look at.

    Raises:
      ChangedByHand: the file of aliases is not what was written.
    """
    runs = records.read_all(workspace.runs)
    published = published_entries(workspace, runs)
    # A run that is repeated takes the model that an earlier one has trained.
    known = {_trained(entry.record) for entry in published if entry.record is not None}
    candidates = {
        _trained(record): Entry("candidate", None, (), _trained(record), None, record)
        for record in runs.values()
        if record.model_id and _trained(record) not in known
    }
    return sorted([*published, *candidates.values()], key=_age, reverse=True)


def published_entries(workspace: Workspace, runs: Mapping[str, RunRecord]) -> list[Entry]:
    """Return the published versions, oldest first.

    Args:
      workspace: to look at.
      runs: its run records.

    Raises:
      ChangedByHand: the file of aliases is not what was written.
    """
    base = workspace.model_base
    found = publish.manifests(base)
    served = model_config.load_served_model(base)
    once = {event.version for event in served.history}
    listed = []
    for version, manifest in found.items():
        names = tuple(sorted(name for name, each in served.aliases.items() if each == version))
        state: State = "serving" if names else "retired" if version in once else "blessed"
        if not served.history:
            # Nobody has said which; TF Serving then takes the newest.
            state = "serving" if version == max(found) else "retired"
        record = runs.get(manifest.run_id)
        listed.append(Entry(state, version, names, str(base / str(version)), manifest, record))
    return listed


def _trained(record: RunRecord) -> str:
    """Return where the Trainer put the model of a run."""
    return record.outputs["Trainer"]["model"].uri if "Trainer" in record.outputs else ""


def _age(entry: Entry) -> tuple[str, int]:
    return entry.at, entry.version or 0
