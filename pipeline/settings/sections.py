"""The settings of a run, read from one TOML file; nothing is computed or connected here."""

from __future__ import annotations

import difflib
import inspect
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import UsageError
from pipeline.settings.beam import BeamSettings
from pipeline.settings.beam import placed as placed_beam
from pipeline.settings.kubeflow import KubeflowSettings

DEFAULT_FILE = "taxiway.toml"

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSettings(_Frozen):
    """Where rows come from, and which of them a run sees."""

    kind: Literal["flights", "folder"] = Field(
        "flights", description="flights: the embedded data set; folder: your CSV or Parquet files"
    )
    path: Path | None = Field(None, description="folder: where the files are")
    time_column: str | None = Field(
        None,
        description="folder: the column that says when a row happened "
        "(timestamp, date, or seconds or milliseconds since 1970); "
        "without it the digits in each file's name are its span",
    )
    period: Literal["day", "month", "year"] = Field(
        "month", description="folder: how much time one span covers, with time_column"
    )
    span: int | None = Field(None, description="the span to evaluate on; the newest by default")
    window: int = Field(3, ge=1, description="how many earlier spans to train on")
    serving_logs: Path | None = Field(
        None, description="TFRecords of TF Serving's PredictionLog, to find skew"
    )


class TrainSettings(_Frozen):
    """How the model is fitted."""

    run_fn: str = Field("models.trainer.run_fn", description="import path of TFX's run_fn")
    units: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 64), description="width of each hidden layer"
    )
    dropout: float = Field(
        0.5, ge=0.0, lt=1.0, description="part of each hidden layer a step leaves out"
    )
    learning_rate: float = Field(0.002, gt=0, description="of Adam")
    batch_size: int = Field(512, ge=1, description="rows in a step")
    epochs: int = Field(6, ge=1, description="at most; early stopping usually ends sooner")
    patience: int = Field(2, ge=1, description="epochs without a better validation loss")
    validation_fraction: float = Field(
        0.1, ge=0.01, le=0.5, description="part of the train split that early stopping watches"
    )
    seed: int = Field(1, description="of weights and order; the same seed, the same model")


class TuneSettings(_Frozen):
    """The search for better training settings (`--tune`)."""

    trials: int = Field(8, ge=1, description="how many candidates to try")


class EvaluateSettings(_Frozen):
    """What a model must reach to be blessed."""

    decision_threshold: Fraction = Field(
        0.3, description="score from which a row counts as positive"
    )
    min_auc: Fraction = Field(0.6, description="overall, for every model")
    max_auc_drop: Fraction = Field(
        0.02, description="how much lower than the latest blessed model's, on the same rows"
    )
    min_slice_auc: Fraction = Field(0.52, description="for every slice with enough rows")
    min_slice_rows: int = Field(1000, ge=1, description="rows from which a slice is judged")

    @model_validator(mode="after")
    def _some_bound(self) -> EvaluateSettings:
        if self.min_auc == 0 and self.max_auc_drop == 1 and self.min_slice_auc == 0:
            raise ValueError("no bound is left that a model could miss")
        return self


class InfraSettings(_Frozen):
    """What a model may take when it is served."""

    rows: int = Field(1000, ge=1, description="real rows that every signature must answer")
    max_load_seconds: float = Field(60.0, gt=0, description="to load it")
    max_memory_mb: int = Field(2000, ge=1, description="that loading and calling it may add")
    max_latency_ms: float = Field(
        250.0, gt=0, description="of a request with one row; 99 in 100 must be quicker"
    )
    timeout_seconds: float = Field(300.0, gt=0, description="for all of this")
    docker_image: str | None = Field(
        None,
        pattern=r"^[a-z0-9][\w./:@-]*$",
        description="serve it with this image too, where there is a Docker engine: "
        "tensorflow/serving:2.19.1",
    )


class MetadataSettings(_Frozen):
    """Where ML Metadata is kept: in the workspace, or in a MySQL or MariaDB server for a team.

    The password is read from the environment's TAXIWAY_METADATA_PASSWORD, or from a file.
    """

    host: str | None = Field(None, description="of the server; without it, SQLite in the workspace")
    port: int = Field(3306, ge=1, le=65535, description="of the server")
    database: str = Field("taxiway", description="on the server; created when it is not there")
    user: str = Field("taxiway", description="on the server")
    password_file: Path | None = Field(None, description="holds nothing but the password")
    ssl_ca: Path | None = Field(None, description="certificate of who vouches for the server")
    ssl_cert: Path | None = Field(None, description="certificate that the server asks for")
    ssl_key: Path | None = Field(None, description="key of that certificate")


class PublishSettings(_Frozen):
    """What becomes of a blessed model."""

    promote: bool = Field(
        True,
        description="a new version becomes `stable` by itself; else `taxiway registry promote`",
    )
    base_path: str | None = Field(
        None,
        description="the model's folder as TF Serving sees it, where that is not as here: "
        "/models/flights",
    )
    settle_seconds: float = Field(
        20.0,
        ge=0,
        description="that TF Serving may take to read models.config and load a version; "
        "a label moves only to what was listed so long",
    )
    keep: int = Field(3, ge=1, description="newest versions and runs that `registry gc` keeps")


class Settings(_Frozen):
    """All settings of a pipeline.

    Raises:
      UsageError: when a file cannot be read, or holds an unknown key or a wrong value.
    """

    name: str = Field(
        "flights",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="of the pipeline and of the model TF Serving will serve",
    )
    workspace: Path = Field(Path("workspace"), description="folder of all state")
    features: Path = Field(Path("models/flights.toml"), description="what is learned from what")
    schema_file: Path = Field(
        Path("schema/schema.pbtxt"), description="what the data must look like"
    )
    policy_file: Path | None = Field(
        None, description="what stops a run; without it, all that is not as it should be"
    )
    source: SourceSettings = SourceSettings()
    train: TrainSettings = TrainSettings()
    tune: TuneSettings = TuneSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    infra: InfraSettings = InfraSettings()
    publish: PublishSettings = PublishSettings()
    metadata: MetadataSettings = MetadataSettings()
    beam: BeamSettings = BeamSettings()
    kubeflow: KubeflowSettings = KubeflowSettings()


def load(path: Path | None = None) -> Settings:
    """Read settings from a TOML file.

    Args:
      path: the file; by default `taxiway.toml` in the current folder, or, when there is
        none, the defaults. Relative paths in it are relative to its folder.

    Returns:
      The settings, checked, with absolute paths.

    Raises:
      UsageError: the file is missing, is not TOML, or holds an unknown key or a wrong value.
    """
    file = path or Path(DEFAULT_FILE)
    return absolute(load_plain(path), file.absolute().parent)


def load_plain(path: Path | None = None) -> Settings:
    """Read settings as `load` does, but leave their paths as they are written."""
    file = path or Path(DEFAULT_FILE)
    if path is None and not file.exists():
        return Settings()
    try:
        values = tomli.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{file}: no such settings file.", f"taxiway settings > {shlex.quote(str(file))}"
        ) from None
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as error:
        raise UsageError(
            f"{file}: not a readable TOML file: {error}.",
            "correct it; `taxiway settings --schema` says what may be in it",
        ) from error
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise UsageError(
            f"{file}: {explain(error, Settings)}",
            "taxiway settings --schema",
        ) from None


def absolute(settings: Settings, base: Path) -> Settings:
    """Return settings whose paths are absolute.

    Args:
      settings: as `load_plain` read them.
      base: the folder that relative paths are from.
    """

    def placed(path: Path | None) -> Path | None:
        return None if path is None else base / path.expanduser()

    paths = ("workspace", "features", "schema_file", "policy_file")
    of_source = {name: placed(getattr(settings.source, name)) for name in ("path", "serving_logs")}
    of_metadata = {
        name: placed(getattr(settings.metadata, name))
        for name in ("password_file", "ssl_ca", "ssl_cert", "ssl_key")
    }
    return settings.model_copy(
        update={name: placed(getattr(settings, name)) for name in paths}
        | {
            "source": settings.source.model_copy(update=of_source),
            "metadata": settings.metadata.model_copy(update=of_metadata),
            "beam": placed_beam(settings.beam, base),
            "kubeflow": settings.kubeflow.model_copy(
                update={"ca_file": placed(settings.kubeflow.ca_file)}
            ),
        }
    )


def json_schema() -> str:
    """Return the JSON schema of a settings file."""
    return json.dumps(Settings.model_json_schema(), indent=2)


def as_toml(settings: Settings) -> str:
    """Return settings as the text of a settings file, each with its description."""
    return (
        "# All settings in force, as a settings file. What one leaves out has its default.\n"
        + "".join(_section(settings, ""))
    )


def _section(settings: BaseModel, name: str) -> Iterator[str]:
    if name:
        lines = inspect.cleandoc(settings.__doc__ or "").splitlines()
        yield "\n" + "".join(f"# {line}\n" for line in lines if line) + f"[{name}]\n"
    nested = []
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        if isinstance(value, BaseModel):
            nested.append((key, value))
            continue
        yield f"# {field.description}\n" if field.description else ""
        yield f"# {key} =\n" if value is None else f"{key} = {_as_toml_value(value)}\n"
    for key, section in nested:
        yield from _section(section, f"{name}.{key}" if name else key)


def _as_toml_value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return _as_toml_value(value.model_dump(mode="json", exclude_unset=True))
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_as_toml_value(each)}" for key, each in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_toml_value, value))}]"
    # JSON's strings, numbers and booleans are TOML's too.
    return json.dumps(str(value) if isinstance(value, Path) else value)


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say what is wrong with the values of a settings file, with the nearest known names."""
    return "; ".join(_explain(dict(each), model) for each in error.errors())


def _explain(error: dict[str, Any], model: type[BaseModel]) -> str:
    where = [str(part) for part in error["loc"]]
    if error["type"] != "extra_forbidden":
        said = error["msg"].removeprefix("Value error, ")
        return f"{'.'.join(where)}: {said} (got {error['input']!r})"
    known = _keys(where[:-1], model)
    close = difflib.get_close_matches(where[-1], known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key {'.'.join(where)}; {hint}"


def _keys(section: list[str], model: Any) -> list[str]:
    for name in section:
        of_name = get_args(model)[1:] if get_origin(model) is dict else ()
        model = of_name[0] if of_name else model.model_fields[name].annotation
    return list(model.model_fields)
