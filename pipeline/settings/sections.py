"""The root of a settings file; nothing is computed or connected here."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pipeline.settings.base import Frozen
from pipeline.settings.beam import BeamSettings
from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.infra import InfraSettings
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.publish import PublishSettings
from pipeline.settings.source import SourceSettings
from pipeline.settings.train import TrainSettings, TransformSettings, TuneSettings


class Settings(Frozen):
    """All settings of a pipeline.

    Example:
      >>> Settings(name="rides").train.epochs
      6
    """

    name: str = Field(
        "flights",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="the name of the pipeline, and of the model in TensorFlow Serving",
    )
    workspace: Path = Field(Path("workspace"), description="the folder of all state")
    features: Path = Field(
        Path("models/flights.toml"), description="the file that lists the label and the features"
    )
    schema_file: Path = Field(
        Path("schema/schema.pbtxt"), description="the schema that the data must match"
    )
    policy_file: Path | None = Field(
        None, description="the file that states what stops a run; without it, every finding does"
    )
    code: Path = Field(
        Path(), description="the folder of own code, which is first on the import path"
    )
    source: SourceSettings = SourceSettings()
    transform: TransformSettings = TransformSettings()
    train: TrainSettings = TrainSettings()
    tune: TuneSettings = TuneSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    infra: InfraSettings = InfraSettings()
    publish: PublishSettings = PublishSettings()
    metadata: MetadataSettings = MetadataSettings()
    beam: BeamSettings = BeamSettings()
    kubeflow: KubeflowSettings = KubeflowSettings()
