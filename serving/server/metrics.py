"""Metrics with TensorFlow Serving's names, for Prometheus."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from serving.server import messages

# TensorFlow Serving's names begin with a colon, which the client library does not allow.
_PREFIX = "TFSERVING"
_PATH = "/monitoring/prometheus/metrics"

# TensorFlow Serving's buckets: from 10 microseconds on, in steps of a factor of 1.8.
_BUCKETS = tuple(10 * 1.8**step for step in range(33))


class Metrics:
    """Counters and histograms of the server."""

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
          model: name of the model.
          api: name of the method, such as `Predict`.
          entrypoint: `GRPC` or `REST`.
          status: gRPC's name of the status code.
          seconds: duration of the request.
        """
        self._requests.labels(model, status).inc()
        if status == "OK":
            self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def ran(self, model: str, api: str, seconds: float) -> None:
        """Count a call of a signature.

        Args:
          model: name of the model.
          api: name of the method, such as `Predict`.
          seconds: duration of the call.
        """
        self._runtime.labels(model, api, "TF1").observe(seconds * 1e6)

    def logged(self, model: str, status: str) -> None:
        """Count a request for the request log.

        Args:
          model: name of the model.
          status: gRPC's name of the status code; `RESOURCE_EXHAUSTED` for a dropped request.
        """
        self._logged.labels(model, status).inc()

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        lines = []
        for line in generate_latest(self._registry).decode().splitlines():
            if "_created" in line:
                continue
            # The library adds a suffix to counters, which TensorFlow Serving's names do not have.
            line = re.sub(rf"({_PREFIX}_request(?:_log)?_count)_total", r"\1", line)
            lines.append(line.replace(f"{_PREFIX}_", ":tensorflow:serving:"))
        return ("\n".join(lines) + "\n").encode()


def path(config: str) -> str | None:
    """Return the path of a MonitoringConfig in text form; None when it enables nothing.

    Args:
      config: text such as `prometheus_config { enable: true path: "/metrics" }`.

    Raises:
      ServingError: the text is not a MonitoringConfig.
    """
    prometheus = messages.parse(
        "MonitoringConfig", config, "monitoring_config_file"
    ).prometheus_config
    return (prometheus.path or _PATH) if prometheus.enable else None
