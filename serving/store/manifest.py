"""What is known of a published version, in one file beside its model.

TF Serving ignores files it does not know, so the truth about a version outlives every database.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, ValidationError

from serving.errors import UnreadableManifest
from serving.frozen import FrozenModel
from serving.storage.local import FileEntry

NAME = "taxiway.json"


def _finite(value: float | None) -> float | None:
    # JSON has no NaN, and a metric of a slice with one class is one.
    return value if value is not None and math.isfinite(value) else None


Metric = Annotated[float | None, AfterValidator(_finite)]


class Spans(FrozenModel):
    """The spans of data behind a model.

    Args:
      train: learned from.
      eval: judged on.
    """

    train: tuple[int, ...] = ()
    eval: int | None = None


class SliceMetrics(FrozenModel):
    """The metrics on one slice of the data; null where a metric is not defined."""

    slice: str
    metrics: dict[str, Metric]


class Blessing(FrozenModel):
    """What a judge said of a model.

    Args:
      blessed: good enough to be published.
      reasons: why not, or what spoke for it.
      artifact_uri: where the judge wrote it down.
    """

    blessed: bool
    reasons: tuple[str, ...] = ()
    artifact_uri: str = ""


class Facts(FrozenModel):
    """What a publisher knows of a model.

    Args:
      name: under which TF Serving serves it.
      blessing: of the Evaluator.
      infra_blessing: of the component that really served it, if one did.
      run_id: of the pipeline run.
      mlmd: ids in ML Metadata: execution_id, model_artifact_id and others.
      code_hash: of the code and locked packages that made the model.
      spans: of data.
      hyperparameters: it was trained with.
      metrics: on all evaluation data; null where a metric is not defined.
      slices: metrics on parts of the evaluation data.
      published_by: who or what publishes it.
    """

    name: str
    blessing: Blessing
    infra_blessing: Blessing | None = None
    run_id: str = ""
    mlmd: dict[str, int] = Field(default_factory=dict)
    code_hash: str = ""
    spans: Spans = Spans()
    hyperparameters: dict[str, JsonValue] = Field(default_factory=dict)
    metrics: dict[str, Metric] = Field(default_factory=dict)
    slices: tuple[SliceMetrics, ...] = ()
    published_by: str = ""


class Manifest(Facts):
    """What is known of a published version.

    Args:
      format_version: of the file.
      version: the folder's number.
      model_id: hash of the content; the same files have the same id, whatever their version.
      published_at: UTC, ISO 8601.
      files: by path relative to the version's folder, all but the manifest itself.
    """

    format_version: Literal[1] = 1
    version: int
    model_id: str
    published_at: str
    files: dict[str, FileEntry]

    def to_json(self) -> str:
        """Return the file's content; the same manifest gives the same bytes."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=2) + "\n"


def model_id(files: Mapping[str, FileEntry]) -> str:
    """Return the SHA-256 of a model's sorted file names and hashes."""
    lines = (f"{name}\0{entry.sha256}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read(version_dir: Path) -> Manifest:
    """Read the manifest of a published version.

    Args:
      version_dir: the version's folder.

    Returns:
      The manifest.

    Raises:
      UnreadableManifest: it is missing, or not what this release writes.
    """
    file = version_dir / NAME
    try:
        return Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UnreadableManifest(
            file,
            f"the manifest cannot be read: {error.strerror}",
            "publish the model again; it may come from another publisher",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise UnreadableManifest(
            file,
            f"not a manifest of format 1: {place}: {first['msg']}",
            "publish the model again, or read it with the release that wrote it",
        ) from error
