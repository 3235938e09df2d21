"""From a published version back to the data it was learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from serving.manifest import Manifest

_INPUTS = (mlmd.Event.INPUT, mlmd.Event.INTERNAL_INPUT, mlmd.Event.DECLARED_INPUT)
_OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT, mlmd.Event.DECLARED_OUTPUT)


@dataclass
class Origin:
    """An artifact or an execution, and what it came from.

    Args:
      kind: `artifact`, `execution`, or `fact` of a manifest.
      name: type of the artifact, node of the execution.
      id: in ML Metadata; 0 for a fact.
      uri: of an artifact.
      came_from: what it was made from; what stands elsewhere in the tree already is without its
        own origins.
    """

    kind: str
    name: str
    id: int = 0
    uri: str = ""
    came_from: list[Origin] = field(default_factory=list)


def of_version(store: metadata_store.MetadataStore, known: Manifest) -> Origin | None:
    """Trace a version through ML Metadata.

    Args:
      store: ML Metadata.
      known: the version's manifest.

    Returns:
      The execution that published it, with its origins; None when ML Metadata does not have it.
    """
    wanted = known.mlmd.get("execution_id")
    found = store.get_executions_by_id([wanted]) if wanted else []
    if not found or _node(store, found[0]) != "Pusher":
        return None
    return _execution(store, found[0], set())


def of_manifest(known: Manifest) -> Origin:
    """Say what a version's manifest knows of its origins."""
    facts = [
        ("run", known.run_id),
        ("code", known.code_hash),
        ("trained on spans", ", ".join(map(str, known.spans.train))),
        ("judged on span", str(known.spans.eval or "")),
        ("blessing", known.blessing.artifact_uri),
        *((name.replace("_", " "), str(value)) for name, value in sorted(known.mlmd.items())),
    ]
    came_from = [Origin("fact", name, uri=value) for name, value in facts if value]
    return Origin("fact", known.published_by or "publisher", came_from=came_from)


def upstream(
    store: metadata_store.MetadataStore, executions: Iterable[int]
) -> tuple[set[int], set[int]]:
    """Return the ids of all executions and artifacts that executions came from.

    Args:
      store: ML Metadata.
      executions: ids to begin with; they and what they put out are part of it.
    """
    seen: set[int] = set()
    artifacts: set[int] = set()
    front = set(executions)
    while front:
        seen |= front
        events = store.get_events_by_execution_ids(sorted(front))
        artifacts |= {event.artifact_id for event in events}
        inputs = sorted({event.artifact_id for event in events if event.type in _INPUTS})
        makers = store.get_events_by_artifact_ids(inputs) if inputs else []
        front = {event.execution_id for event in makers if event.type in _OUTPUTS} - seen
    return seen, artifacts


def _execution(
    store: metadata_store.MetadataStore, execution: mlmd.Execution, seen: set[int]
) -> Origin:
    """Trace an execution; `seen` holds the ids of executions, and of artifacts below 0."""
    origin = Origin("execution", _node(store, execution), execution.id)
    if execution.id in seen:
        return origin
    seen.add(execution.id)
    events = store.get_events_by_execution_ids([execution.id])
    inputs = sorted({event.artifact_id for event in events if event.type in _INPUTS})
    for artifact in store.get_artifacts_by_id(inputs) if inputs else ():
        origin.came_from.append(_artifact(store, artifact, seen))
    return origin


def _artifact(
    store: metadata_store.MetadataStore, artifact: mlmd.Artifact, seen: set[int]
) -> Origin:
    origin = Origin("artifact", artifact.type, artifact.id, artifact.uri)
    if -artifact.id in seen:
        return origin
    seen.add(-artifact.id)
    events = [
        event for event in store.get_events_by_artifact_ids([artifact.id]) if event.type in _OUTPUTS
    ]
    if events:
        # The first one made it; cached executions put it out again.
        maker = min(event.execution_id for event in events)
        [execution] = store.get_executions_by_id([maker])
        origin.came_from.append(_execution(store, execution, seen))
    origin.came_from += _source(artifact)
    return origin


def _source(artifact: mlmd.Artifact) -> Iterator[Origin]:
    """Yield the files of the source that examples were made from."""
    for name, value in sorted(artifact.custom_properties.items()):
        if name.startswith("files_"):
            split = name.removeprefix("files_")
            yield Origin("fact", f"{split} files", uri=value.string_value)


def _node(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> str:
    """Return the id of the node that an execution is of."""
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == "node":
            return str(context.name).rpartition(".")[2]
    return str(execution.type)
