"""Read a project's files: features, schema and policy, and check that they fit together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import UsageError
from pipeline.project import import_path, own_code
from pipeline.settings.base import explain
from pipeline.settings.sections import Settings

if TYPE_CHECKING:
    from models.features import Features
    from schema.inference import Roles
    from schema.policy import Policy

_Content = TypeVar("_Content")


@dataclass(frozen=True)
class Project:
    """The content of a project's files.

    Args:
      features: label and features of the model.
      schema: curated schema of the data.
      policy: policy that states which findings stop a run.
    """

    features: Features
    schema: Any
    policy: Policy

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the model is trained on, the label first."""
        return (self.features.label, *self.features.inputs)


def load(settings: Settings) -> Project:
    """Read the files that the settings name, and check that they fit together.

    Args:
      settings: settings of the pipeline.

    Raises:
      UsageError: a file is missing or wrong, or the files do not fit together.
    """
    import_path.activate(settings.code)
    own_code.check(settings)
    project = Project(_features(settings), curated_schema(settings), _policy(settings))
    _check_columns(settings, project)
    return project


def inputs(settings: Settings) -> tuple[str, ...] | None:
    """Return the columns that the model reads; None if there is no features file yet.

    Args:
      settings: settings of the pipeline, which name the features file.

    Raises:
      UsageError: the features file is wrong.
    """
    return _features(settings).inputs if settings.features.exists() else None


def roles(settings: Settings) -> Roles:
    """Return what the model uses the columns for; every column is an input without a features file.

    Args:
      settings: settings of the pipeline, which name the features file.

    Raises:
      UsageError: the features file is wrong.
    """
    from schema.inference import Roles

    time = settings.source.time_column or ""
    if not settings.features.exists():
        return Roles(time=time)
    features = _features(settings)
    return Roles(features.label, features.inputs, features.slices, features.buckets, time)


def curated_schema(settings: Settings) -> Any:
    """Read the curated schema alone.

    Args:
      settings: settings of the pipeline, which name the schema file.

    Raises:
      UsageError: the schema file is missing or wrong.
    """
    from schema import columns

    return _load("schema_file", settings.schema_file, "schema", columns.load)


def label(settings: Settings) -> tuple[str, str | None, tuple[str, ...]] | None:
    """Return the label's column and its values; None if there is no features file yet.

    Args:
      settings: settings of the pipeline, which name the features file.

    Raises:
      UsageError: the features file is wrong.
    """
    if not settings.features.exists():
        return None
    features = _features(settings)
    return features.label, features.positive, features.negative


def _features(settings: Settings) -> Features:
    from models import features

    return _load("features", settings.features, "features file", features.load, features.Features)


def _policy(settings: Settings) -> Policy:
    from schema import policy

    return _load("policy_file", settings.policy_file, "policy", policy.load, policy.Policy)


def _load(
    setting: str,
    file: Path | None,
    kind: str,
    loader: Callable[[Any], _Content],
    model: type[BaseModel] | None = None,
) -> _Content:
    """Load a file of the project; every failure names the file, or the setting that names it."""
    try:
        return loader(file)
    except ValidationError as error:
        reason = str(error) if model is None else explain(error, model)
        raise UsageError(f"{file}: {reason}", _fix(file, model)) from error
    except FileNotFoundError as error:
        raise UsageError(
            f"{setting}: there is no file {file}.",
            f"fix {setting}, or change to the project's folder, or pass --settings",
        ) from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{file}: not a valid {kind}: {error}", _fix(file, model)) from error


def _fix(file: Path | None, model: type[BaseModel] | None) -> str:
    if model is None:
        return f"fix {file}; `taxiway schema show` checks it"
    return f"fix {file}; its keys are {', '.join(model.model_fields)}"


def _check_columns(settings: Settings, project: Project) -> None:
    from models import columns
    from schema.messages.spelling import nearest

    mismatches = "; ".join(columns.mismatches(project.features, project.schema, nearest))
    if mismatches:
        raise UsageError(
            f"{settings.features}: {mismatches} ({settings.schema_file})",
            f"fix the names in {settings.features} or the statements in {settings.schema_file}; "
            "`taxiway schema diff` lists the columns of the data that the schema lacks",
        )
