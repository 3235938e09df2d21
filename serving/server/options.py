"""The flags of TF Serving's tensorflow_model_server, with its names and defaults."""

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

# Flags of tensorflow_model_server that mean nothing here, or nothing yet.
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
    """The flags cannot be used; says which one, and why."""


@dataclass(frozen=True)
class Options:
    """How the server runs; each is a flag of TF Serving with the same name and default.

    Args:
      port: of gRPC; 0 for any free one.
      grpc_socket_path: a Unix socket to serve gRPC on too.
      rest_api_port: of REST; 0 for none.
      rest_api_num_threads: threads that answer REST.
      rest_api_timeout_in_ms: milliseconds for one REST request.
      rest_api_enable_cors_support: answer browsers of other origins.
      model_name: name of the one model, without a config file.
      model_base_path: folder of the one model's versions.
      model_config_file: several models: ModelServerConfig as text.
      model_config_file_poll_wait_seconds: between two looks at that file; 0 for never again.
      file_system_poll_wait_seconds: between two looks for new versions; 0 for never again.
      max_num_load_retries: further tries to load a version.
      load_retry_interval_micros: microseconds between two tries to load a version.
      enable_model_warmup: send the warm-up requests that lie in a model.
      num_request_iterations_for_warmup: how often each warm-up request is sent; 0 for once.
      allow_version_labels_for_unavailable_models: let a label name a version that is loading.
      enable_batching: run requests together that come at the same time.
      batching_parameters_file: BatchingParameters as text.
      saved_model_tags: of the graph in a SavedModel, with commas.
      tensorflow_session_parallelism: both of the next two; 0 for as many as fit.
      tensorflow_intra_op_parallelism: threads for one operation.
      tensorflow_inter_op_parallelism: threads for operations at the same time.
      enable_serialization_as_tensor_content: answer numbers over gRPC as raw bytes.
      ssl_config_file: SSLConfig as text; gRPC is encrypted then.
      monitoring_config_file: MonitoringConfig as text, for Prometheus.
      enable_grpc_healthcheck_service: gRPC's own health service.
      grpc_max_threads: threads that answer gRPC.
      grpc_channel_arguments: gRPC's own, such as `grpc.max_connection_age_ms=30000`, with commas.
      bind_address: where to listen. Not TF Serving's, which listens everywhere.
      request_log_dir: folder for a sample of the requests. Not TF Serving's, nor is the next.
      request_log_sampling_rate: share of the requests that are logged, 0 to 1.
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
        """The names and values in `grpc_channel_arguments`; what looks like a number is one."""
        pairs = [each.partition("=") for each in self.grpc_channel_arguments.split(",") if each]
        return [
            (name, int(value) if re.fullmatch(r"-?\d{1,9}", value) else value)
            for name, _, value in pairs
        ]


def described() -> dict[str, str]:
    """Return what each flag means, with its default, by name."""
    said = dict(re.findall(r"^ +(\w+): (.+)$", Options.__doc__ or "", re.MULTILINE))
    return {
        field.name: said[field.name] + (f"  [default: {field.default}]" if field.default else "")
        for field in fields(Options)
    }


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UnusableFlags(message)


def parse(words: Sequence[str]) -> Options:
    """Read the flags of a command line.

    Args:
      words: such as `--port=8500`; a flag that is true or false may stand alone.

    Returns:
      The options.

    Raises:
      UnusableFlags: one is unknown, unsupported or wrong, or there is no model.
    """
    known = [field.name for field in fields(Options)]
    for word in words:
        name = word.lstrip("-").partition("=")[0]
        if word.startswith("--") and name not in UNSUPPORTED and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean --{close[0]}?" if close else ""
            raise UnusableFlags(f"--{name} is no flag of this server{hint}")
        if name in UNSUPPORTED:
            raise UnusableFlags(
                f"--{name} is a flag of TF Serving's that this server does not support; "
                "leave it out, or serve with --backend tensorflow_model_server"
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
    options = Options(**vars(parser.parse_args(words)))
    if not options.model_base_path and not options.model_config_file:
        raise UnusableFlags("there is no model: give --model_base_path or --model_config_file")
    for each in filter(None, options.grpc_channel_arguments.split(",")):
        if "=" not in each:
            raise UnusableFlags(f"--grpc_channel_arguments: name=value expected, not {each!r}")
    for name in _FILES:
        file = getattr(options, name)
        if file and not Path(file).is_file():
            raise UnusableFlags(f"--{name}: there is no file {file}")
    if options.batching_parameters_file and not options.enable_batching:
        raise UnusableFlags("--batching_parameters_file has no effect without --enable_batching")
    for name in ("port", "rest_api_port"):
        if not 0 <= getattr(options, name) < 2**16:
            raise UnusableFlags(f"--{name}: a number from 0 to 65535 expected")
    if not 0 <= options.request_log_sampling_rate <= 1:
        raise UnusableFlags("--request_log_sampling_rate: a share expected, from 0 to 1")
    for name in ("grpc_max_threads", "rest_api_num_threads"):
        if getattr(options, name) < 1:
            raise UnusableFlags(f"--{name}: at least 1 expected")
    return options


def _truth(word: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if word.lower() not in known:
        raise argparse.ArgumentTypeError(f"true or false expected, not {word!r}")
    return known[word.lower()]
