"""From a published version back to the data it was learned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from serving.store.manifest import Manifest

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
    # After a database was lost, another run may have the same number.
    if not found or run_of(store, found[0].id) != known.run_id:
        return None
    return _execution(store, found[0], set())


def run_of(store: metadata_store.MetadataStore, execution_id: int) -> str:
    """Return the id of the run that an execution is of; "" when it is of none."""
    try:
        contexts = store.get_contexts_by_execution(execution_id)
    except errors.NotFoundError:
        return ""
    return next((str(each.name) for each in contexts if each.type == "pipeline_run"), "")


def makers(store: metadata_store.MetadataStore, artifact_id: int) -> set[int]:
    """Return the ids of the executions that put out an artifact, run or cached."""
    events = store.get_events_by_artifact_ids([artifact_id])
    return {event.execution_id for event in events if event.type in _OUTPUTS}


def inputs(store: metadata_store.MetadataStore, execution_id: int) -> list[mlmd.Artifact]:
    """Return what an execution was given."""
    events = store.get_events_by_execution_ids([execution_id])
    found = sorted({event.artifact_id for event in events if event.type in _INPUTS})
    return list(store.get_artifacts_by_id(found)) if found else []


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
        given = sorted({event.artifact_id for event in events if event.type in _INPUTS})
        made = store.get_events_by_artifact_ids(given) if given else []
        front = {event.execution_id for event in made if event.type in _OUTPUTS} - seen
    return seen, artifacts


def _execution(
    store: metadata_store.MetadataStore, execution: mlmd.Execution, seen: set[int]
) -> Origin:
    """Trace an execution; `seen` holds the ids of executions, and of artifacts below 0."""
    origin = Origin("execution", _node(store, execution), execution.id)
    if execution.id in seen:
        return origin
    seen.add(execution.id)
    for artifact in inputs(store, execution.id):
        origin.came_from.append(_artifact(store, artifact, seen))
    return origin


def _artifact(
    store: metadata_store.MetadataStore, artifact: mlmd.Artifact, seen: set[int]
) -> Origin:
    origin = Origin("artifact", artifact.type, artifact.id, artifact.uri)
    if -artifact.id in seen:
        return origin
    seen.add(-artifact.id)
    put_out_by = makers(store, artifact.id)
    if put_out_by:
        # The first one made it; cached executions put it out again.
        [execution] = store.get_executions_by_id([min(put_out_by)])
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
