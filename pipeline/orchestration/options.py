"""The options of one run, on this machine and on Kubeflow."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from pipeline.components.names import Variant
from pipeline.errors import UsageError
from pipeline.settings.base import Frozen, explain
from pipeline.settings.engines import Engine
from pipeline.settings.sections import Settings


class RunOptions(Frozen):
    """What one run does differently from the settings.

    Args:
      span: span to evaluate on; default None, that of the settings. 0 is the newest, because a
        Kubeflow parameter is never empty.
      window: number of earlier spans to train on; default None, that of the settings.
      data_root: folder of the source's files; default None, that of the settings.
      engine: Beam engine of every component; default None, that of the settings.
      tune: whether to search for better hyperparameters first; default False.
      warm_start: whether to start from the latest blessed model's weights; default False.
      no_baseline: whether to skip the comparison with the latest blessed model; default False.
      promote: whether a new version becomes `stable` at once; default None, as the settings state.
      settings_file: settings file as the user typed it, for next steps; default None.
      workspace: workspace as the user typed it, for next steps; default None.

    Raises:
      UsageError: `tune` and `warm_start` are both set.
    """

    span: int | None = None
    window: int | None = Field(None, ge=1)
    data_root: Path | None = None
    engine: Engine | None = None
    tune: bool = False
    warm_start: bool = False
    no_baseline: bool = False
    promote: bool | None = None
    settings_file: Path | None = None
    workspace: Path | None = None

    @field_validator("data_root", mode="before")
    @classmethod
    def _no_empty_path(cls, value: Any) -> Any:
        return None if value == "" else value

    @model_validator(mode="after")
    def _one_start(self) -> RunOptions:
        if self.tune and self.warm_start:
            raise UsageError(
                "--tune and --warm-start exclude each other because the Tuner may choose a network "
                "of another shape than the weights of the latest blessed model.",
                "remove one of the two options",
            )
        return self

    @property
    def variant(self) -> Variant:
        """Variant of the pipeline to run."""
        return "tune" if self.tune else "warm-start" if self.warm_start else "plain"

    @property
    def schema_diff(self) -> str:
        """Command that shows the schema change which would let the data of this run pass."""
        named = {
            "--settings": self.settings_file,
            "--workspace": self.workspace,
            "--span": self.span or None,
            "--window": self.window,
        }
        args = [str(arg) for pair in named.items() if pair[1] is not None for arg in pair]
        return shlex.join(["taxiway", "schema", "diff", *args])

    def apply(self, settings: Settings) -> Settings:
        """Return settings with these options.

        Args:
          settings: settings of the pipeline.

        Raises:
          UsageError: the settings do not allow the engine.
        """
        source: dict[str, Any] = {}
        if self.span is not None:
            source["span"] = self.span or None
        if self.window is not None:
            source["window"] = self.window
        if self.data_root is not None:
            source["path"] = self.data_root
        publish = {} if self.promote is None else {"promote": self.promote}
        return settings.model_copy(
            update={
                "source": settings.source.model_copy(update=source),
                "publish": settings.publish.model_copy(update=publish),
                "beam": self._beam(settings),
            }
        )

    def _beam(self, settings: Settings) -> Any:
        if self.engine is None:
            return settings.beam
        try:
            return settings.beam.all_on(self.engine)
        except ValidationError as error:
            reason = explain(error, type(settings.beam))
            raise UsageError(f"--engine {self.engine}: {reason}") from error
