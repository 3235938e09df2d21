"""The models to serve: TensorFlow Serving's ModelServerConfig."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.server.errors import invalid
from serving.server.options import Options

_PLATFORM = "tensorflow"


@dataclass(frozen=True)
class ModelConfig:
    """A model to serve.

    Args:
      name: name of the model.
      base_path: folder of the model's versions.
      latest: number of the newest versions to serve; default 1; 0 for all.
      specific: versions to serve instead of the newest; default: none.
      labels: version by label; default: none.
    """

    name: str
    base_path: Path
    latest: int = 1
    specific: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)

    def select(self, present: list[int]) -> list[int]:
        """Return the versions to serve.

        Args:
          present: versions in the model's folder.
        """
        if self.specific:
            return [version for version in present if version in self.specific]
        return sorted(present)[-self.latest :] if self.latest else sorted(present)


def from_options(options: Options) -> list[ModelConfig]:
    """Return the models that the flags name.

    Args:
      options: flags of the server.

    Raises:
      ServingError: the config file is not a ModelServerConfig.
    """
    if options.model_config_file:
        return from_text(Path(options.model_config_file).read_text(encoding="utf-8"))
    return [ModelConfig(options.model_name, Path(options.model_base_path))]


def from_text(text: str) -> list[ModelConfig]:
    """Return the models of a ModelServerConfig in text form.

    Args:
      text: content of the config file.

    Raises:
      ServingError: the text is not a ModelServerConfig.
    """
    try:
        return from_proto(text_format.Parse(text, model_server_config_pb2.ModelServerConfig()))
    except text_format.ParseError as error:
        raise invalid(f"Invalid protobuf file: {error}") from error


def from_proto(config: Any) -> list[ModelConfig]:
    """Return the models of a ModelServerConfig.

    Args:
      config: the message.

    Raises:
      ServingError: it lists no models, lists a name twice, or lists another platform than
        TensorFlow.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("Expected model server config to be a model_config_list")
    models = [_model(entry) for entry in config.model_config_list.config]
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise invalid(f"Illegal to list model {name} multiple times in config list")
    return models


def _model(config: Any) -> ModelConfig:
    if config.model_platform not in ("", _PLATFORM):
        raise invalid(f"Unknown model platform {config.model_platform} of model {config.name}")
    policy = config.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "specific" and not policy.specific.versions:
        raise invalid(f"No specific versions requested for servable {config.name}.")
    return ModelConfig(
        name=config.name,
        base_path=Path(config.base_path),
        latest={"all": 0, "latest": policy.latest.num_versions or 1}.get(kind, 1),
        specific=tuple(policy.specific.versions),
        labels=dict(config.version_labels),
    )
