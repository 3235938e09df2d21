"""The manifest: one file beside a published model that states its facts.

TensorFlow Serving ignores the file, so the facts about a version survive every database.
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
    # JSON has no NaN, and a metric of a slice with one class can be NaN.
    return value if value is not None and math.isfinite(value) else None


Metric = Annotated[float | None, AfterValidator(_finite)]


class Spans(FrozenModel):
    """The spans of data behind a model.

    Args:
      train: spans that the model was trained on.
      eval: span that the model was evaluated on; None when unknown.
    """

    train: tuple[int, ...] = ()
    eval: int | None = None


class SliceMetrics(FrozenModel):
    """The metrics on one slice of the data.

    Args:
      slice: name of the slice.
      metrics: value by metric; None where the metric is not defined.
    """

    slice: str
    metrics: dict[str, Metric]


class Blessing(FrozenModel):
    """The decision of a component about a model.

    Args:
      blessed: whether the model may be published.
      reasons: reasons for the decision.
      artifact_uri: address of the artifact that states the decision.
    """

    blessed: bool
    reasons: tuple[str, ...] = ()
    artifact_uri: str = ""


class Facts(FrozenModel):
    """The facts that a publisher states about a model.

    Args:
      name: name under which TensorFlow Serving serves the model.
      blessing: decision of the Evaluator.
      infra_blessing: decision of InfraCheck; None when it did not run.
      run_id: id of the pipeline run.
      mlmd: ids in ML Metadata, by name: execution_id, model_artifact_id and others.
      code_hash: hash of the code and the locked packages that made the model.
      spans: spans of the data.
      columns: columns that the model was trained on, the label first; empty when unknown.
      no_baseline: whether the user published it without a comparison with an earlier model.
      hyperparameters: hyperparameters of the training.
      metrics: metrics on all evaluation data; None where a metric is not defined.
      slices: metrics on slices of the evaluation data.
      published_by: user or program that publishes the model.
    """

    name: str
    blessing: Blessing
    infra_blessing: Blessing | None = None
    run_id: str = ""
    mlmd: dict[str, int] = Field(default_factory=dict)
    code_hash: str = ""
    spans: Spans = Spans()
    columns: tuple[str, ...] = ()
    no_baseline: bool = False
    hyperparameters: dict[str, JsonValue] = Field(default_factory=dict)
    metrics: dict[str, Metric] = Field(default_factory=dict)
    slices: tuple[SliceMetrics, ...] = ()
    published_by: str = ""


class Manifest(Facts):
    """The facts about a published version.

    Args:
      format_version: version of the file format.
      version: number of the version.
      model_id: hash of the content; the same files have the same id in every version.
      published_at: time of publication: UTC, ISO 8601.
      files: size and hash by path relative to the version's folder, without the manifest itself.
    """

    format_version: Literal[1] = 1
    version: int
    model_id: str
    published_at: str
    files: dict[str, FileEntry]

    def to_json(self) -> str:
        """Return the content of the file; the same manifest gives the same bytes."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=2) + "\n"


def model_id(files: Mapping[str, FileEntry]) -> str:
    """Return the SHA-256 of a model's sorted file names and hashes.

    Args:
      files: size and hash by relative path.
    """
    lines = (f"{name}\0{entry.sha256}\n" for name, entry in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read(version_dir: Path) -> Manifest:
    """Read the manifest of a published version.

    Args:
      version_dir: folder of the version.

    Returns:
      The manifest.

    Raises:
      UnreadableManifest: the file is missing, or has another format.
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
        field = ".".join(map(str, first["loc"])) or "the whole file"
        raise UnreadableManifest(
            file,
            f"not a manifest of format 1: {field}: {first['msg']}",
            "publish the model again, or read it with the release that wrote it",
        ) from error
