"""What a project's files say: features, schema and policy, and whether they fit each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pipeline.errors import UsageError
from pipeline.settings.explain import explain
from pipeline.settings.sections import Settings

if TYPE_CHECKING:
    from models.features import Features
    from schema.policy import Policy


@dataclass(frozen=True)
class Project:
    """The files that a pipeline is made from.

    Args:
      features: what is learned from what.
      schema: what the data must look like.
      policy: what stops a run.
    """

    features: Features
    schema: Any
    policy: Policy

    @property
    def columns(self) -> tuple[str, ...]:
        """What is learned from, the label first."""
        return (self.features.label, *self.features.inputs)


def load(settings: Settings) -> Project:
    """Read the files that settings name, and check that they fit each other.

    Args:
      settings: of the pipeline.

    Raises:
      UsageError: a file is missing or wrong, or they do not fit.
    """
    project = Project(_features(settings), curated_schema(settings), _policy(settings))
    _check_columns(settings, project)
    _check_run_fn(settings)
    return project


def check_warm_start(settings: Settings, store: Any, features: Features) -> None:
    """Refuse a warm start from a model that cannot be gone on from, before anything runs.

    Args:
      settings: of the pipeline.
      store: ML Metadata.
      features: what is learned from what.

    Raises:
      UsageError: no model is blessed yet, or it learned otherwise.
    """
    from models import warm_start
    from pipeline.metadata import store as metadata
    from pipeline.metadata.blessed import latest_blessed_model

    base = latest_blessed_model(store)
    if base is None:
        raise UsageError(
            f"--warm-start: no model is blessed yet in {settings.workspace}.", "taxiway run"
        )
    folder = Path(metadata.beside(base.uri, "model_run"))
    train = settings.train.model_dump(mode="json")
    wrong = "; ".join(warm_start.differences(folder, features, train))
    if wrong:
        raise UsageError(
            f"--warm-start: the latest blessed model, {base.uri}, cannot be gone on from: {wrong}.",
            "taxiway run, without --warm-start",
        )


def inputs(settings: Settings) -> tuple[str, ...] | None:
    """Return the columns that the model learns from; None before there is a features file.

    Args:
      settings: that name the file.

    Raises:
      UsageError: it is wrong.
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
        raise UsageError(f"{file}: not a usable features file: {error}") from error


def curated_schema(settings: Settings) -> Any:
    """Read the curated schema alone.

    Args:
      settings: that name it.

    Raises:
      UsageError: it is missing or wrong.
    """
    from schema import columns

    file = settings.schema_file
    try:
        return columns.load(file)
    except FileNotFoundError as error:
        raise _missing("schema_file", file) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: not a usable schema: {error}") from error


def _missing(setting: str, file: Path | None) -> UsageError:
    return UsageError(
        f"{setting}: there is no file {file}.",
        f"correct {setting}, or go to the project's folder, or name its settings with --settings",
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
        raise UsageError(f"{file}: not a usable policy: {error}") from error


def _check_columns(settings: Settings, project: Project) -> None:
    from models import columns

    wrong = "; ".join(columns.mismatches(project.features, project.schema))
    if wrong:
        raise UsageError(f"{settings.features}: {wrong} ({settings.schema_file})")


def _check_run_fn(settings: Settings) -> None:
    from pipeline.project import source_code

    path = settings.train.run_fn
    if not source_code.has_function(path):
        raise UsageError(
            f"train.run_fn: there is no function {path}.",
            "write it as package.module.function, as seen from the project's folder",
        )
