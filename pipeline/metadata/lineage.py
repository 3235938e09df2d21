"""From a published version back to the data that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.errors import InfrastructureError
from pipeline.metadata import properties
from pipeline.metadata import store as metadata
from pipeline.settings.sections import Settings
from serving.store.manifest import Manifest

_INPUTS = (mlmd.Event.INPUT, mlmd.Event.INTERNAL_INPUT, mlmd.Event.DECLARED_INPUT)
_OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT, mlmd.Event.DECLARED_OUTPUT)


@dataclass
class Origin:
    """An artifact or an execution, with its origins.

    Args:
      kind: `artifact`, `execution`, or `fact` of a manifest.
      name: type of the artifact, or node of the execution.
      id: id in ML Metadata; default 0, for a fact.
      uri: URI of the artifact; default "".
      came_from: origins; an entry that the tree repeats has its origins at the first occurrence.
    """

    kind: str
    name: str
    id: int = 0
    uri: str = ""
    came_from: list[Origin] = field(default_factory=list)


@dataclass(frozen=True)
class Lineage:
    """The origins of a version, and where they come from.

    Args:
      origin: what published the version, with its origins.
      missing: why the origins are only those of the manifest; "" when ML Metadata has the version.
    """

    origin: Origin
    missing: str


def load(settings: Settings, manifest: Manifest) -> Lineage:
    """Return the origins of a version from ML Metadata, or else from its manifest.

    Args:
      settings: settings of the pipeline, which name the database.
      manifest: manifest of the version.
    """
    missing = "ML Metadata does not have this version."
    if metadata.exists(settings):
        try:
            origin = trace(metadata.open_store(settings), manifest)
        except InfrastructureError as error:
            origin, missing = None, error.what
        if origin is not None:
            return Lineage(origin, "")
    return Lineage(from_manifest(manifest), missing)


def trace(store: metadata_store.MetadataStore, manifest: Manifest) -> Origin | None:
    """Trace a version through ML Metadata.

    Args:
      store: ML Metadata store.
      manifest: manifest of the version.

    Returns:
      The execution that published it, with its origins; None when ML Metadata does not have it.
    """
    number = manifest.mlmd.get("execution_id")
    executions = store.get_executions_by_id([number]) if number else []
    # After a database was lost, an execution of another run may have the same id.
    if not executions or run_id(store, executions[0].id) != manifest.run_id:
        return None
    return _trace_execution(store, executions[0], set())


def from_manifest(manifest: Manifest) -> Origin:
    """Return the origins that a version's manifest states.

    Args:
      manifest: manifest of the version.
    """
    facts = [
        ("run", manifest.run_id),
        ("code", manifest.code_hash),
        ("trained on spans", ", ".join(map(str, manifest.spans.train))),
        ("evaluated on span", str(manifest.spans.eval or "")),
        ("blessing", manifest.blessing.artifact_uri),
        *((name.replace("_", " "), str(value)) for name, value in sorted(manifest.mlmd.items())),
    ]
    came_from = [Origin("fact", name, uri=value) for name, value in facts if value]
    return Origin("fact", manifest.published_by or "publisher", came_from=came_from)


def run_id(store: metadata_store.MetadataStore, execution_id: int) -> str:
    """Return the id of an execution's run; "" when it has none.

    Args:
      store: ML Metadata store.
      execution_id: id of the execution.
    """
    try:
        contexts = store.get_contexts_by_execution(execution_id)
    except errors.NotFoundError:
        return ""
    runs = (str(context.name) for context in contexts if context.type == properties.PIPELINE_RUN)
    return next(runs, "")


def makers(store: metadata_store.MetadataStore, artifact_id: int) -> set[int]:
    """Return the ids of the executions that have an artifact as output, run or cached.

    Args:
      store: ML Metadata store.
      artifact_id: id of the artifact.
    """
    events = store.get_events_by_artifact_ids([artifact_id])
    return {event.execution_id for event in events if event.type in _OUTPUTS}


def inputs(store: metadata_store.MetadataStore, execution_id: int) -> list[mlmd.Artifact]:
    """Return the input artifacts of an execution.

    Args:
      store: ML Metadata store.
      execution_id: id of the execution.
    """
    events = store.get_events_by_execution_ids([execution_id])
    ids = sorted({event.artifact_id for event in events if event.type in _INPUTS})
    return list(store.get_artifacts_by_id(ids)) if ids else []


def upstream(
    store: metadata_store.MetadataStore, executions: Iterable[int]
) -> tuple[set[int], set[int]]:
    """Return the ids of all executions and artifacts upstream of executions.

    Args:
      store: ML Metadata store.
      executions: ids of executions; they and their outputs are included.
    """
    visited: set[int] = set()
    artifacts: set[int] = set()
    front = set(executions)
    while front:
        visited |= front
        events = store.get_events_by_execution_ids(sorted(front))
        artifacts |= {event.artifact_id for event in events}
        consumed = sorted({event.artifact_id for event in events if event.type in _INPUTS})
        produced = store.get_events_by_artifact_ids(consumed) if consumed else []
        front = {event.execution_id for event in produced if event.type in _OUTPUTS} - visited
    return visited, artifacts


def _trace_execution(
    store: metadata_store.MetadataStore, execution: mlmd.Execution, visited: set[int]
) -> Origin:
    """Trace an execution; `visited` has the ids of executions, and of artifacts as negatives."""
    origin = Origin("execution", _node(store, execution), execution.id)
    if execution.id in visited:
        return origin
    visited.add(execution.id)
    for artifact in inputs(store, execution.id):
        origin.came_from.append(_trace_artifact(store, artifact, visited))
    return origin


def _trace_artifact(
    store: metadata_store.MetadataStore, artifact: mlmd.Artifact, visited: set[int]
) -> Origin:
    origin = Origin("artifact", artifact.type, artifact.id, artifact.uri)
    if -artifact.id in visited:
        return origin
    visited.add(-artifact.id)
    producers = makers(store, artifact.id)
    if producers:
        # The first execution made it; cached executions repeat it as their output.
        [execution] = store.get_executions_by_id([min(producers)])
        origin.came_from.append(_trace_execution(store, execution, visited))
    origin.came_from += _source_files(artifact)
    return origin


def _source_files(artifact: mlmd.Artifact) -> Iterator[Origin]:
    """Yield the files of the source that examples were made from."""
    for name, value in sorted(artifact.custom_properties.items()):
        if name.startswith(properties.FILES_PREFIX):
            split = name.removeprefix(properties.FILES_PREFIX)
            yield Origin("fact", f"{split} files", uri=value.string_value)


def _node(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> str:
    """Return the id of an execution's node."""
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == properties.NODE:
            return str(context.name).rpartition(".")[2]
    return str(execution.type)
