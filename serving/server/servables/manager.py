"""Which versions are loaded: follows folders and configuration, and never lets go of one in use."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from serving.server import messages
from serving.server.config import ModelConfig, from_options, from_text
from serving.server.errors import Code, ServingError, invalid
from serving.server.options import Options
from serving.server.servables import batching
from serving.server.servables.batching import Batcher
from serving.server.servables.servable import Servable
from serving.validation import inputs

START, LOADING, AVAILABLE, UNLOADING, END = "START", "LOADING", "AVAILABLE", "UNLOADING", "END"

_log = logging.getLogger(__name__)


@dataclass
class Version:
    """A version that was ever wanted, and what became of it.

    Args:
      number: of the version.
      folder: its files.
      state: one of TF Serving's.
      error: why it is not available.
    """

    number: int
    folder: Path
    state: str = START
    error: ServingError | None = None
    _servable: Servable | None = None
    _leases: int = 0
    _tries: int = 0
    _next_try: float = 0.0


@dataclass
class _Model:
    config: ModelConfig
    versions: dict[int, Version] = field(default_factory=dict)

    def available(self) -> list[int]:
        return [each.number for each in self.versions.values() if each.state == AVAILABLE]


class ModelManager:
    """Load and unload versions as configuration and folders say.

    Args:
      options: the server's.

    Raises:
      ServingError: the batching parameters cannot be used.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._batcher = _batcher(options)
        self._session_config = _session_config(options)
        self._models: dict[str, _Model] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._changed = threading.Condition()
        # Loading and unloading, one at a time; held for seconds.
        self._work = threading.Lock()
        self._stop = threading.Event()
        self._config_text = ""
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Load what is there, then follow the folders and the config file.

        Raises:
          ServingError: the config file cannot be used, or a model has no version that can be.
        """
        self._config_text = self._read_config()
        self._configure(from_options(self._options))
        self._refuse_what_never_loads()
        waits = (
            (self._options.file_system_poll_wait_seconds, self._poll),
            (self._options.model_config_file_poll_wait_seconds, self._poll_config),
        )
        for seconds, poll in waits:
            if seconds > 0:
                thread = threading.Thread(target=self._repeat, args=(seconds, poll), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _refuse_what_never_loads(self) -> None:
        failed = [
            f"{{{{name: {name} version: {version.number}}} due to error: {version.error}}}"
            for name, model in self._models.items()
            for version in model.versions.values()
            if version.error and version.state == END and not model.available()
        ]
        if failed:
            message = f"{len(failed)} servable(s) did not become available: {{{', '.join(failed)}}}"
            raise ServingError(Code.UNKNOWN, message)

    def stop(self) -> None:
        """Stop following, and unload everything."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        with self._work:
            for model in self._models.values():
                for version in model.versions.values():
                    self._unload(version)

    def reload(self, configs: Sequence[ModelConfig]) -> None:
        """Serve other models, or other versions; return when they are loaded.

        Args:
          configs: all models to serve.

        Raises:
          ServingError: a version cannot be loaded, or a label not be given.
        """
        before = {name: model.config for name, model in self._models.items()}
        self._configure(configs)
        for config in configs:
            if before.get(config.name) == config:
                continue
            versions = self._models[config.name].versions.values()
            failed = next((each.error for each in versions if each.error), None)
            if failed is not None and not self._models[config.name].available():
                raise failed

    def without_versions(self) -> dict[str, Path]:
        """Return the base path of each model that has no version yet, by name."""
        with self._changed:
            return {
                name: model.config.base_path
                for name, model in self._models.items()
                if not model.versions
            }

    @contextmanager
    def lease(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[tuple[Servable, int]]:
        """Hold a loaded version, so that it is not unloaded meanwhile.

        Args:
          name: of the model.
          version: its number; None for the newest one that is available.
          label: instead of a number.

        Raises:
          ServingError: there is none, in TF Serving's words.
        """
        with self._changed:
            found = self._find(name, version, label)
            found._leases += 1
            servable = found._servable
        assert servable is not None
        try:
            yield servable, found.number
        finally:
            with self._changed:
                found._leases -= 1
                self._changed.notify_all()

    def statuses(self, name: str, version: int | None, label: str | None) -> list[Version]:
        """Return what became of a model's versions, the newest first.

        Raises:
          ServingError: there are none, in TF Serving's words.
        """
        with self._changed:
            model = self._models.get(name)
            if label and model is not None:
                version = self._labelled(name, label)
            known = model.versions if model is not None else {}
            if version is not None:
                if version not in known:
                    raise ServingError(
                        Code.NOT_FOUND, f"Could not find version {version} of model {name}"
                    )
                return [known[version]]
            if not known:
                raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
            return [known[number] for number in sorted(known, reverse=True)]

    def _find(self, name: str, version: int | None, label: str | None) -> Version:
        model = self._models.get(name)
        if label and model is not None:
            version = self._labelled(name, label)
        available = model.available() if model is not None else []
        if version is None and available:
            version = max(available)
        if model is None or version not in available:
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")
        return model.versions[version]

    def _labelled(self, name: str, label: str) -> int:
        labels = self._labels.get(name, {})
        if label not in labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return labels[label]

    def _repeat(self, seconds: float, poll: Callable[[], None]) -> None:
        said = ""
        while not self._stop.wait(seconds):
            try:
                poll()
                said = ""
            except (ServingError, OSError) as error:
                if str(error) != said:
                    said = str(error)
                    _log.warning("the models stay as they are: %s", said)
            except Exception:  # whatever lies in a folder, the next look may find it mended
                _log.exception("a look at the models failed")

    def _read_config(self) -> str:
        file = self._options.model_config_file
        return Path(file).read_text(encoding="utf-8") if file else ""

    def _poll_config(self) -> None:
        text = self._read_config()
        if text != self._config_text:
            self._configure(from_text(text))
            self._config_text = text

    def _configure(self, configs: Sequence[ModelConfig]) -> None:
        """Take other labels, then other versions, in TF Serving's order.

        So a label leaves a version before that is unloaded, and cannot name what is only to be
        loaded.

        Raises:
          ServingError: a label cannot be given; nothing has changed.
        """
        with self._work:
            self._give_labels(configs)
            with self._changed:
                wanted = {config.name: config for config in configs}
                gone = [self._models.pop(name) for name in self._models.keys() - wanted.keys()]
                for name, config in wanted.items():
                    if name in self._models:
                        self._models[name].config = config
                    else:
                        self._models[name] = _Model(config)
            for model in gone:
                for version in model.versions.values():
                    self._unload(version)
            self._look()

    def _poll(self) -> None:
        with self._work:
            self._look()

    def _look(self) -> None:
        for model in list(self._models.values()):
            wanted = model.config.wanted(_versions(model.config.base_path))
            # The newest first: it is what most requests ask for.
            for number in sorted(wanted, reverse=True):
                self._load(model, number)
            if set(wanted) & set(model.available()):
                for number in model.available():
                    if number not in wanted:
                        self._unload(model.versions[number])

    def _load(self, model: _Model, number: int) -> None:
        version = model.versions.get(number)
        if version is None or (version.state == END and version.error is None):
            with self._changed:
                version = model.versions[number] = Version(
                    number, model.config.base_path / str(number)
                )
        if version.state not in (START, LOADING) or time.monotonic() < version._next_try:
            return
        self._set(version, LOADING)
        try:
            tags = self._options.saved_model_tags.split(",")
            servable = Servable(version.folder, tags, self._session_config, self._batcher)
            if self._options.enable_model_warmup:
                _warm_up(servable, version.folder, self._options.num_request_iterations_for_warmup)
        except ServingError as error:
            version._tries += 1
            version._next_try = time.monotonic() + self._options.load_retry_interval_micros / 1e6
            last = version._tries > self._options.max_num_load_retries
            _log.warning("version %s of %s: %s", number, model.config.name, error.message)
            self._set(version, END if last else LOADING, error)
            return
        version._servable = servable
        self._set(version, AVAILABLE)

    def _unload(self, version: Version) -> None:
        if version.state != AVAILABLE:
            return
        with self._changed:
            version.state = UNLOADING
            self._changed.wait_for(lambda: version._leases == 0)
            servable, version._servable = version._servable, None
        assert servable is not None
        servable.close()
        self._set(version, END)

    def _set(self, version: Version, state: str, error: ServingError | None = None) -> None:
        with self._changed:
            version.state, version.error = state, error
            self._changed.notify_all()

    def _give_labels(self, configs: Sequence[ModelConfig]) -> None:
        """Give the labels of a configuration; all of them, or none.

        Raises:
          ServingError: one would name a version that is not there.
        """
        early = self._options.allow_version_labels_for_unavailable_models
        for config in configs:
            known = self._labels.get(config.name, {})
            model = self._models.get(config.name)
            available = model.available() if model is not None else []
            for label, number in config.labels.items():
                unused = known.get(label, number) == number
                if number not in available and not (early and unused):
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {config.name}, "
                        "which is not currently available for inference",
                    )
        with self._changed:
            self._labels = {config.name: dict(config.labels) for config in configs}


def _versions(base: Path) -> list[int]:
    """Return the versions in a folder; leading zeros are as good as none."""
    if not base.is_dir():
        return []
    return [int(entry.name) for entry in base.iterdir() if entry.name.isdecimal()]


def _batcher(options: Options) -> Batcher | None:
    if not options.enable_batching:
        return None
    file = options.batching_parameters_file
    text = Path(file).read_text(encoding="utf-8") if file else ""
    parsed = messages.parse("BatchingParameters", text, "batching_parameters_file")
    return Batcher(batching.parameters(parsed))


def _session_config(options: Options) -> Any:
    both = options.tensorflow_session_parallelism
    return tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=both or options.tensorflow_intra_op_parallelism,
        inter_op_parallelism_threads=both or options.tensorflow_inter_op_parallelism,
    )


def _warm_up(servable: Servable, folder: Path, times: int) -> None:
    try:
        requests = inputs.warmup(tf, folder)
    except Exception as error:  # what damaged bytes make TensorFlow raise is without end
        raise ServingError(Code.DATA_LOSS, f"warm-up requests cannot be read: {error}") from error
    for signature, feed in requests:
        if signature not in servable.signatures:
            raise invalid(f"a warm-up request names no signature: {signature}")
        for _ in range(max(1, times)):
            servable.run(signature, feed)
