"""Where a run's model comes from, and where its files are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace


@dataclass(frozen=True)
class Artifact:
    """An artifact of the run.

    Args:
      node: the component that put it out.
      key: the output's name.
      id: in ML Metadata.
      where: its place, as seen from the workspace.
      link: from the report to it; "" when it is not on this machine.
    """

    node: str
    key: str
    id: int
    where: str
    link: str


@dataclass(frozen=True)
class Lineage:
    """What the report says of where a model comes from."""

    artifacts: Sequence[Artifact]
    baseline: Artifact | None


def gather(workspace: Workspace, record: RunRecord) -> Lineage | None:
    """Return all artifacts of a run; None when it has none."""
    found = [
        _artifact(workspace, node, key, output)
        for node, outputs in record.outputs.items()
        for key, output in outputs.items()
    ]
    if not found:
        return None
    baseline = [each for each in found if (each.node, each.key) == ("LatestBlessedModel", "model")]
    return Lineage(found, baseline[0] if baseline else None)


def links(workspace: Workspace, record: RunRecord) -> dict[str, str]:
    """Return the links from a report to the files of its run, by what they lead to."""
    schema = record.outputs.get("ImportSchemaGen", {}).get("schema")
    places = {
        "published model": record.model_dir,
        "log": record.log_file,
        "refused rows": record.quarantine,
        "schema": Path(schema.uri, "schema.pbtxt") if schema else None,
        "record of the run": workspace.runs / f"{record.run_id}.json",
    }
    return {name: _link(workspace, place) for name, place in places.items() if place is not None}


def _artifact(workspace: Workspace, node: str, key: str, output: Output) -> Artifact:
    place = Path(output.uri)
    if place.is_relative_to(workspace.root):
        where = str(place.relative_to(workspace.root))
    else:
        where = output.uri
    link = _link(workspace, place) if place.exists() else ""
    return Artifact(node, key, output.id, where, link)


def _link(workspace: Workspace, place: Path) -> str:
    return quote(os.path.relpath(place, workspace.reports))
