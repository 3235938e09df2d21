"""Counts and times under TF Serving's names, for Prometheus."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from serving.server import messages

# TF Serving's names begin with a colon, which the client library does not let a name do.
_PREFIX = "TFSERVING"
_PATH = "/monitoring/prometheus/metrics"

# From 10 microseconds on, each 1.8 times the one before, as TF Serving has them.
_BUCKETS = tuple(10 * 1.8**step for step in range(33))


class Metrics:
    """What happened so far."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{_PREFIX}_request_count", "Requests by model and status.", ["model_name", "status"],
            registry=self._registry,
        )  # fmt: skip
        self._logged = Counter(
            f"{_PREFIX}_request_log_count", "Requests logged by model and status.",
            ["model_name", "status_code"], registry=self._registry,
        )  # fmt: skip
        self._latency = Histogram(
            f"{_PREFIX}_request_latency", "Microseconds of a request.",
            ["model_name", "API", "entrypoint"], buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._runtime = Histogram(
            f"{_PREFIX}_runtime_latency", "Microseconds within TensorFlow.",
            ["model_name", "API", "runtime"], buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip

    def answered(self, model: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """Count a request.

        Args:
          model: its name.
          api: such as `Predict`.
          entrypoint: `GRPC` or `REST`.
          status: gRPC's name of the code.
          seconds: it took.
        """
        self._requests.labels(model, status).inc()
        if status == "OK":
            self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def ran(self, model: str, api: str, seconds: float) -> None:
        """Count a call of a signature that took so many seconds."""
        self._runtime.labels(model, api, "TF1").observe(seconds * 1e6)

    def logged(self, model: str, status: str) -> None:
        """Count a request that was to be logged.

        Args:
          model: its name.
          status: gRPC's name of the code; `RESOURCE_EXHAUSTED` for one that was left out.
        """
        self._logged.labels(model, status).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        lines = []
        for line in generate_latest(self._registry).decode().splitlines():
            if "_created" in line:
                continue
            # The library gives counters a suffix that TF Serving's do not have.
            line = re.sub(rf"({_PREFIX}_request(?:_log)?_count)_total", r"\1", line)
            lines.append(line.replace(f"{_PREFIX}_", ":tensorflow:serving:"))
        return ("\n".join(lines) + "\n").encode()


def path(config: str) -> str | None:
    """Return the path of a MonitoringConfig in text form; None when it enables nothing.

    Args:
      config: `prometheus_config { enable: true path: "/metrics" }`.

    Raises:
      ServingError: it is no MonitoringConfig.
    """
    found = messages.parse("MonitoringConfig", config, "monitoring_config_file").prometheus_config
    return (found.path or _PATH) if found.enable else None
