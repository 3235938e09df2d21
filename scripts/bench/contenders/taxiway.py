"""Contender: Taxiway, called as `taxiway run` calls it."""

from __future__ import annotations

import atexit
import gc
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from pipeline.local import runner
from pipeline.runs.progress import Step
from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.sections import Settings
from pipeline.settings.source import SourceSettings
from scripts.bench.measure import Recorder


class _Watch:
    """Measures every step of a run."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._part: AbstractContextManager[None] | None = None

    def started(self, name: str) -> None:
        self._part = self._recorder.part(name)
        self._part.__enter__()

    def finished(self, step: Step) -> None:
        if self._part is not None:
            self._part.__exit__(None, None, None)


def main(data: Path, scratch: Path) -> None:
    """Run the pipeline on the Parquet files.

    Args:
      data: folder of the rows.
      scratch: folder for the workspace and the measurements.
    """
    atexit.register(gc.freeze)  # the command does the same
    recorder = Recorder()
    settings = Settings(
        workspace=scratch / "workspace",
        features=Path("models/flights.toml").absolute(),
        schema_file=Path("schema/schema.pbtxt").absolute(),
        source=SourceSettings(kind="folder", path=data / "parquet", window=1),
        evaluate=EvaluateSettings(min_auc=0.0, min_slice_auc=0.0),
    )
    result = runner.run(settings, _Watch(recorder))
    auc = result.metrics["auc"]
    assert auc is not None, (
        "the AUC is defined, because a month has late flights and flights on time"
    )
    recorder.save(scratch / "measured.json", auc)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
