"""The flags of TensorFlow Serving's tensorflow_model_server, with its names and defaults."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NoReturn

_SECONDS = 60_000_000
_FILES = (
    "model_config_file", "monitoring_config_file", "batching_parameters_file", "ssl_config_file",
)  # fmt: skip

# Flags of tensorflow_model_server that this server does not support.
UNSUPPORTED = frozenset({
    "enable_per_model_batching_parameters", "allow_version_labels",
    "per_process_gpu_memory_fraction", "use_alts_credentials", "platform_config_file",
    "tensorflow_session_config_file", "flush_filesystem_caches",
    "remove_unused_fields_from_bundle_metagraph",
    "prefer_tflite_model", "num_tflite_interpreters_per_pool", "num_tflite_pools",
    "enable_signature_method_name_check", "xla_cpu_compilation_enabled", "enable_profiler",
    "thread_pool_factory_config_file", "mixed_precision", "skip_initialize_tpu",
    "num_load_threads", "num_unload_threads",
    "force_allow_any_version_labels_for_unavailable_models", "enable_cors_support",
})  # fmt: skip


class UnusableFlags(ValueError):
    """The flags cannot be used; the message states the flag and the reason."""


@dataclass(frozen=True)
class Options:
    """The server's options, which are flags of TensorFlow Serving with the same names and defaults.

    Args:
      port: port of gRPC; 0 for any free one.
      grpc_socket_path: Unix socket to serve gRPC on too.
      rest_api_port: port of REST; 0 for none.
      rest_api_num_threads: threads that answer REST requests.
      rest_api_timeout_in_ms: milliseconds that a REST request may take.
      rest_api_enable_cors_support: answer browsers of other origins.
      model_name: name of the model, without a config file.
      model_base_path: folder of the model's versions, without a config file.
      model_config_file: several models: ModelServerConfig as text.
      model_config_file_poll_wait_seconds: seconds between two reads of that file; 0 for one read.
      file_system_poll_wait_seconds: seconds between two searches for new versions; 0 for one.
      max_num_load_retries: retries to load a version.
      load_retry_interval_micros: microseconds between two tries to load a version.
      enable_model_warmup: send a model's warm-up requests to it before it serves.
      num_request_iterations_for_warmup: times to send every warm-up request; 0 for once.
      allow_version_labels_for_unavailable_models: let a label name a version that is loading.
      enable_batching: run requests together that arrive at the same time.
      batching_parameters_file: BatchingParameters as text.
      saved_model_tags: tags of the graph in a SavedModel, separated by commas.
      tensorflow_session_parallelism: value of both following flags; 0 for automatic.
      tensorflow_intra_op_parallelism: threads for one operation.
      tensorflow_inter_op_parallelism: threads for operations that run at the same time.
      enable_serialization_as_tensor_content: answer numbers over gRPC as raw bytes.
      ssl_config_file: SSLConfig as text; it enables encryption of gRPC.
      monitoring_config_file: MonitoringConfig as text, for Prometheus.
      enable_grpc_healthcheck_service: serve gRPC's health service.
      grpc_max_threads: threads that answer gRPC requests.
      grpc_channel_arguments: gRPC's arguments, such as `grpc.max_connection_age_ms=9`, with commas.
      bind_address: address to listen on. Not a flag of TensorFlow Serving, which listens on all.
      request_log_dir: folder for a sample of the requests. Not a flag of TensorFlow Serving.
      request_log_sampling_rate: share of requests to log, 0 to 1. Not a flag of TensorFlow Serving.
    """

    port: int = 8500
    grpc_socket_path: str = ""
    rest_api_port: int = 0
    rest_api_num_threads: int = 8
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    model_name: str = "default"
    model_base_path: str = ""
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: int = 0
    file_system_poll_wait_seconds: int = 1
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = _SECONDS
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 0
    allow_version_labels_for_unavailable_models: bool = False
    enable_batching: bool = False
    batching_parameters_file: str = ""
    saved_model_tags: str = "serve"
    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    enable_serialization_as_tensor_content: bool = False
    ssl_config_file: str = ""
    monitoring_config_file: str = ""
    enable_grpc_healthcheck_service: bool = False
    grpc_max_threads: int = 16
    grpc_channel_arguments: str = ""
    bind_address: str = "127.0.0.1"
    request_log_dir: str = ""
    request_log_sampling_rate: float = 0.01

    @property
    def channel_arguments(self) -> list[tuple[str, int | str]]:
        """The names and values in `grpc_channel_arguments`, with numbers parsed."""
        pairs = [pair.partition("=") for pair in self.grpc_channel_arguments.split(",") if pair]
        return [
            (name, int(value) if re.fullmatch(r"-?\d{1,9}", value) else value)
            for name, _, value in pairs
        ]


def described() -> dict[str, str]:
    """Return the description of every flag, with its default, by name."""
    descriptions = dict(re.findall(r"^ +(\w+): (.+)$", Options.__doc__ or "", re.MULTILINE))
    return {
        field.name: descriptions[field.name]
        + (f"  [default: {field.default}]" if field.default else "")
        for field in fields(Options)
    }


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UnusableFlags(message)


def parse(args: Sequence[str]) -> Options:
    """Read the flags of a command line.

    Args:
      args: arguments such as `--port=8500`; a boolean flag needs no value.

    Returns:
      The options.

    Raises:
      UnusableFlags: a flag is unknown, unsupported or invalid, or no model is given.
    """
    names = [field.name for field in fields(Options)]
    for arg in args:
        name = arg.lstrip("-").partition("=")[0]
        if arg.startswith("--") and name not in UNSUPPORTED and name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean --{close[0]}?" if close else ""
            raise UnusableFlags(f"--{name} is not a flag of this server{hint}")
        if name in UNSUPPORTED:
            raise UnusableFlags(
                f"--{name} is a flag of TensorFlow Serving that this server does not support; "
                "remove it, or serve with --backend tensorflow_model_server"
            )
    parser = _Parser(prog="taxiway serve", add_help=False, allow_abbrev=False)
    for field in fields(Options):
        kind = type(field.default)
        if kind is bool:
            parser.add_argument(
                f"--{field.name}", type=_truth, nargs="?", const=True, default=field.default
            )
        else:
            parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    options = Options(**vars(parser.parse_args(args)))
    if not options.model_base_path and not options.model_config_file:
        raise UnusableFlags("there is no model: pass --model_base_path or --model_config_file")
    for argument in filter(None, options.grpc_channel_arguments.split(",")):
        if "=" not in argument:
            raise UnusableFlags(f"--grpc_channel_arguments: expected name=value, got {argument!r}")
    for name in _FILES:
        file = getattr(options, name)
        if file and not Path(file).is_file():
            raise UnusableFlags(f"--{name}: there is no file {file}")
    if options.batching_parameters_file and not options.enable_batching:
        raise UnusableFlags("--batching_parameters_file has no effect without --enable_batching")
    for name in ("port", "rest_api_port"):
        if not 0 <= getattr(options, name) < 2**16:
            raise UnusableFlags(f"--{name}: expected a number from 0 to 65535")
    if not 0 <= options.request_log_sampling_rate <= 1:
        raise UnusableFlags("--request_log_sampling_rate: expected a share from 0 to 1")
    for name in ("grpc_max_threads", "rest_api_num_threads"):
        if getattr(options, name) < 1:
            raise UnusableFlags(f"--{name}: expected at least 1")
    return options


def _truth(word: str) -> bool:
    values = {"true": True, "1": True, "false": False, "0": False}
    if word.lower() not in values:
        raise argparse.ArgumentTypeError(f"expected true or false, got {word!r}")
    return values[word.lower()]
