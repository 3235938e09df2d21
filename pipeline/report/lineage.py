"""Collect the report's part on lineage: artifacts, baseline, and links to files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.components import names
from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace


@dataclass(frozen=True)
class Artifact:
    """An artifact of the run.

    Args:
      node: name of the component that wrote it.
      key: name of the output.
      id: id in ML Metadata.
      path: path relative to the workspace; else the URI.
      link: link from the report to the files; "" if they are not on this machine.
    """

    node: str
    key: str
    id: int
    path: str
    link: str


@dataclass(frozen=True)
class Lineage:
    """The report's part on lineage.

    Args:
      artifacts: artifacts of the run.
      baseline: model that the candidate is compared with; None if there is none.
    """

    artifacts: Sequence[Artifact]
    baseline: Artifact | None


def gather(workspace: Workspace, record: RunRecord) -> Lineage | None:
    """Return the report's part on lineage; None if the run has no artifacts.

    Args:
      workspace: workspace of the run.
      record: record of the run.
    """
    artifacts = [
        _artifact(workspace, node, key, output)
        for node, outputs in record.outputs.items()
        for key, output in outputs.items()
    ]
    if not artifacts:
        return None
    baselines = [
        artifact
        for artifact in artifacts
        if (artifact.node, artifact.key) == (names.LATEST_BLESSED_MODEL, "model")
    ]
    return Lineage(artifacts, baselines[0] if baselines else None)


def links(workspace: Workspace, record: RunRecord) -> dict[str, str]:
    """Return the links from a report to the files of its run, by text of the link.

    Args:
      workspace: workspace of the run.
      record: record of the run.
    """
    schema = record.outputs.get(names.IMPORT_SCHEMA_GEN, {}).get("schema")
    paths = {
        "published model": record.model_dir,
        "log": record.log_file,
        "rejected rows": record.quarantine,
        "schema": Path(schema.uri, "schema.pbtxt") if schema else None,
        "run record": workspace.runs / f"{record.run_id}.json",
    }
    return {text: _link(workspace, path) for text, path in paths.items() if path is not None}


def _artifact(workspace: Workspace, node: str, key: str, output: Output) -> Artifact:
    path = Path(output.uri)
    if path.is_relative_to(workspace.root):
        shown = str(path.relative_to(workspace.root))
    else:
        shown = output.uri
    link = _link(workspace, path) if path.exists() else ""
    return Artifact(node, key, output.id, shown, link)


def _link(workspace: Workspace, path: Path) -> str:
    return quote(os.path.relpath(path, workspace.reports))
