"""The part of a node's cache key that TFX does not compute: code, schema and locked packages.

TFX's cache key has the import path of our code, not the code. `stamp` adds a hash of the code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from tfx.proto.orchestration import pipeline_pb2

from pipeline.components import catalog, names
from pipeline.metadata import properties
from pipeline.project import own_code, source_code
from pipeline.settings.sections import Settings

_LOCK = Path(__file__).parents[2] / "requirements.lock"


def stamp(ir: pipeline_pb2.Pipeline, settings: Settings) -> None:
    """Add to every node of a compiled pipeline a hash of what TFX's cache key leaves out.

    Args:
      ir: compiled pipeline; changed in place.
      settings: settings of the pipeline, with the import paths of code and the schema file.
    """
    for node in ir.nodes:
        row = catalog.node(node.pipeline_node.node_info.id)
        digest = hashlib.sha256(_locked_packages())
        for module in _modules(row, settings):
            digest.update(_code(module))
        if row.schema_file:
            digest.update(settings.schema_file.read_bytes())
        parameter = node.pipeline_node.parameters.parameters[properties.CODE_HASH]
        parameter.field_value.string_value = digest.hexdigest()


def training_hash(settings: Settings) -> str:
    """Return a hash of the code and the locked packages that a model is made with.

    Args:
      settings: settings of the pipeline, with the import paths of the code.
    """
    digest = hashlib.sha256(_locked_packages())
    for name in (names.TRANSFORM, names.TRAINER):
        for module in _modules(catalog.node(name), settings):
            digest.update(_code(module))
    return digest.hexdigest()


def _modules(row: catalog.Node, settings: Settings) -> Iterator[str]:
    yield from row.modules
    for code in own_code.list_paths(settings):
        if code.setting.partition(".")[0] == row.own_code:
            yield code.module


def _code(module: str) -> bytes:
    digest = hashlib.sha256()
    for name, file in source_code.files(module).items():
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.digest()


def _locked_packages() -> bytes:
    if _LOCK.exists():
        return _LOCK.read_bytes()
    # A wheel does not have the lock, so the installed versions stand in for it.
    installed = {
        f"{package.metadata['Name']}=={package.version}" for package in metadata.distributions()
    }
    return "\n".join(sorted(installed)).encode()
