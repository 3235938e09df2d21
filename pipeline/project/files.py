"""Read a project's files: features, schema and policy, and check that they fit together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.project import import_path, own_code
from pipeline.settings.base import explain
from pipeline.settings.sections import Settings

if TYPE_CHECKING:
    from models.features import Features
    from schema.policy import Policy


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


def _features(settings: Settings) -> Features:
    from models import features

    file = settings.features
    try:
        return features.load(file)
    except ValidationError as error:
        raise UsageError(f"{file}: {explain(error, features.Features)}") from error
    except FileNotFoundError as error:
        raise _missing("features", file) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: not a valid features file: {error}") from error


def curated_schema(settings: Settings) -> Any:
    """Read the curated schema alone.

    Args:
      settings: settings of the pipeline, which name the schema file.

    Raises:
      UsageError: the schema file is missing or wrong.
    """
    from schema import columns

    file = settings.schema_file
    try:
        return columns.load(file)
    except FileNotFoundError as error:
        raise _missing("schema_file", file) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: not a valid schema: {error}") from error


def _missing(setting: str, file: Path | None) -> UsageError:
    return UsageError(
        f"{setting}: there is no file {file}.",
        f"fix {setting}, or change to the project's folder, or pass --settings",
    )


def _policy(settings: Settings) -> Policy:
    from schema import policy

    file = settings.policy_file
    try:
        return policy.load(file)
    except ValidationError as error:
        raise UsageError(f"{file}: {explain(error, policy.Policy)}") from error
    except FileNotFoundError as error:
        raise _missing("policy_file", file) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: not a valid policy: {error}") from error


def _check_columns(settings: Settings, project: Project) -> None:
    from models import columns

    mismatches = "; ".join(columns.mismatches(project.features, project.schema))
    if mismatches:
        raise UsageError(f"{settings.features}: {mismatches} ({settings.schema_file})")
