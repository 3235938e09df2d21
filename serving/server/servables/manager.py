"""Loading and unloading of versions, as folders and configuration require."""

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
    """A version that was selected at some time, and its state.

    Args:
      number: number of the version.
      folder: folder of the SavedModel.
      state: one of TensorFlow Serving's states.
      error: reason why the version is not available; None when there is none.
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
        return [version.number for version in self.versions.values() if version.state == AVAILABLE]


class ModelManager:
    """Load and unload versions as configuration and folders require.

    Args:
      options: options of the server.

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
        # One thread at a time loads and unloads, which takes seconds.
        self._work = threading.Lock()
        self._stop = threading.Event()
        self._config_text = ""
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Load the selected versions, then poll the folders and the config file.

        Raises:
          ServingError: the config file is invalid, or no version of a model can be loaded.
        """
        self._config_text = self._read_config()
        self._configure(from_options(self._options))
        self._reject_failed_models()
        waits = (
            (self._options.file_system_poll_wait_seconds, self._poll),
            (self._options.model_config_file_poll_wait_seconds, self._poll_config),
        )
        for seconds, poll in waits:
            if seconds > 0:
                thread = threading.Thread(target=self._repeat, args=(seconds, poll), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _reject_failed_models(self) -> None:
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
        """Stop polling, and unload all versions."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        with self._work:
            for model in self._models.values():
                for version in model.versions.values():
                    self._unload(version)

    def reload(self, configs: Sequence[ModelConfig]) -> None:
        """Serve other models or versions; return when they are loaded.

        Args:
          configs: all models to serve.

        Raises:
          ServingError: a version cannot be loaded, or a label cannot be assigned.
        """
        before = {name: model.config for name, model in self._models.items()}
        self._configure(configs)
        for config in configs:
            if before.get(config.name) == config:
                continue
            versions = self._models[config.name].versions.values()
            failed = next((version.error for version in versions if version.error), None)
            if failed is not None and not self._models[config.name].available():
                raise failed

    def without_versions(self) -> dict[str, Path]:
        """Return the base paths of the models that have no version yet, by name."""
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
        """Lease a loaded version, so that it is not unloaded while the block runs.

        Args:
          name: name of the model.
          version: number of the version; default: the newest available one.
          label: version label, instead of a number; default: none.

        Yields:
          The loaded version and its number.

        Raises:
          ServingError: no such version is available; the text is TensorFlow Serving's.
        """
        with self._changed:
            leased = self._find(name, version, label)
            leased._leases += 1
            servable = leased._servable
        assert servable is not None
        try:
            yield servable, leased.number
        finally:
            with self._changed:
                leased._leases -= 1
                self._changed.notify_all()

    def statuses(self, name: str, version: int | None, label: str | None) -> list[Version]:
        """Return the versions of a model with their states, newest first.

        Args:
          name: name of the model.
          version: number of the version; None: all versions.
          label: version label, instead of a number; None: none.

        Raises:
          ServingError: there is no such version; the text is TensorFlow Serving's.
        """
        with self._changed:
            model = self._models.get(name)
            if label and model is not None:
                version = self._version_of_label(name, label)
            versions = model.versions if model is not None else {}
            if version is not None:
                if version not in versions:
                    raise ServingError(
                        Code.NOT_FOUND, f"Could not find version {version} of model {name}"
                    )
                return [versions[version]]
            if not versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
            return [versions[number] for number in sorted(versions, reverse=True)]

    def _find(self, name: str, version: int | None, label: str | None) -> Version:
        model = self._models.get(name)
        if label and model is not None:
            version = self._version_of_label(name, label)
        available = model.available() if model is not None else []
        if version is None and available:
            version = max(available)
        if model is None or version not in available:
            description = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {description}")
        return model.versions[version]

    def _version_of_label(self, name: str, label: str) -> int:
        labels = self._labels.get(name, {})
        if label not in labels:
            raise invalid(f"Unrecognized servable version label: {label}")
        return labels[label]

    def _repeat(self, seconds: float, poll: Callable[[], None]) -> None:
        last_error = ""
        while not self._stop.wait(seconds):
            try:
                poll()
                last_error = ""
            except (ServingError, OSError) as error:
                if str(error) != last_error:
                    last_error = str(error)
                    _log.warning("the models are unchanged: %s", last_error)
            except Exception:  # the next poll may succeed, so the thread must go on
                _log.exception("a poll of the models failed")

    def _read_config(self) -> str:
        file = self._options.model_config_file
        return Path(file).read_text(encoding="utf-8") if file else ""

    def _poll_config(self) -> None:
        text = self._read_config()
        if text != self._config_text:
            self._configure(from_text(text))
            self._config_text = text

    def _configure(self, configs: Sequence[ModelConfig]) -> None:
        """Change labels first and versions second, which is TensorFlow Serving's order.

        So a label leaves a version before the version is unloaded, and cannot name a version that
        is not loaded yet.

        Raises:
          ServingError: a label cannot be assigned; nothing has changed.
        """
        with self._work:
            self._assign_labels(configs)
            with self._changed:
                by_name = {config.name: config for config in configs}
                removed = [self._models.pop(name) for name in self._models.keys() - by_name.keys()]
                for name, config in by_name.items():
                    if name in self._models:
                        self._models[name].config = config
                    else:
                        self._models[name] = _Model(config)
            for model in removed:
                for version in model.versions.values():
                    self._unload(version)
            self._update()

    def _poll(self) -> None:
        with self._work:
            self._update()

    def _update(self) -> None:
        for model in list(self._models.values()):
            selected = model.config.select(_versions(model.config.base_path))
            # The newest version gets most requests, so it is loaded first.
            for number in sorted(selected, reverse=True):
                self._load(model, number)
            if set(selected) & set(model.available()):
                for number in model.available():
                    if number not in selected:
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

    def _assign_labels(self, configs: Sequence[ModelConfig]) -> None:
        """Assign all labels of a configuration, or none.

        Raises:
          ServingError: a label names a version that is not available.
        """
        early = self._options.allow_version_labels_for_unavailable_models
        for config in configs:
            current = self._labels.get(config.name, {})
            model = self._models.get(config.name)
            available = model.available() if model is not None else []
            for label, number in config.labels.items():
                unused = current.get(label, number) == number
                if number not in available and not (early and unused):
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {config.name}, "
                        "which is not currently available for inference",
                    )
        with self._changed:
            self._labels = {config.name: dict(config.labels) for config in configs}


def _versions(base: Path) -> list[int]:
    """Return the versions in a folder; leading zeros are ignored."""
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
    except Exception as error:  # damaged bytes make TensorFlow raise errors of any type
        raise ServingError(Code.DATA_LOSS, f"warm-up requests cannot be read: {error}") from error
    for signature, feed in requests:
        if signature not in servable.signatures:
            raise invalid(f"a warm-up request names an unknown signature: {signature}")
        for _ in range(max(1, times)):
            servable.run(signature, feed)
