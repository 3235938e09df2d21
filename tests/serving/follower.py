"""A server that follows the file of aliases, with the rules of TensorFlow Serving 2.11 to 2.19.

They are those of ReloadConfig and UpdateModelVersionLabelMap in its server_core.cc: labels first,
and a file whose labels are refused changes nothing; of FileSystemStoragePathSource: what is listed
and there is loaded; and of AvailabilityPreservingPolicy: nothing is unloaded before there is other.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.store import model_config, publish

# As docs/registry.md has it started.
_CONFIG_POLL, _FILES_POLL, _LOADING = 10, 2, 5


class Follower:
    """TensorFlow Serving with --allow_version_labels_for_unavailable_models, and the time.

    Args:
      base: the model's folder.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.labels: dict[str, int] = {}
        self.loaded: set[int] = set()
        self.dropped: list[str] = []
        self._listed: set[int] = set()
        self._loading: dict[int, int] = {}
        self._seconds = 0

    def now(self) -> datetime.datetime:
        """Return the time."""
        begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
        return begin + datetime.timedelta(seconds=self._seconds)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with the server's polls of file and folder."""
        for _ in range(int(-(-seconds // 1))):
            self._seconds += 1
            if self._seconds % _CONFIG_POLL == 0:
                self._look_at_config()
            if self._seconds % _FILES_POLL == 0:
                self._look_at_files()

    def answers(self) -> int | None:
        """Return the version that a request without a label gets."""
        return max(self.loaded, default=None)

    def _look_at_config(self) -> None:
        file = self.base.parent / model_config.CONFIG
        if not file.exists():
            return
        config = text_format.Parse(file.read_text(), model_server_config_pb2.ModelServerConfig())
        [model] = config.model_config_list.config
        for label, version in model.version_labels.items():
            moved = self.labels.get(label, version) != version
            if moved and version not in self.loaded:
                return
        self.labels = dict(model.version_labels)
        self._listed = set(model.model_version_policy.specific.versions)

    def _look_at_files(self) -> None:
        required = self._listed & set(publish.versions(self.base))
        self._loading = {
            version: self._loading.get(version, self._seconds + _LOADING)
            for version in required - self.loaded
        }
        self.loaded |= {version for version, done in self._loading.items() if done <= self._seconds}
        if self.loaded & required:
            gone = self.loaded - required
            self.dropped += [
                f"label {label} names version {version}, which was unloaded"
                for label, version in self.labels.items()
                if version in gone
            ]
            self.loaded -= gone
