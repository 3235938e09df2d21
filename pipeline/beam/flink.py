"""A Flink cluster, through the REST API of its JobManager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.beam.calls import CANCEL_SECONDS, SECONDS, request_json, unexpected_service
from pipeline.beam.cluster_base import Cluster
from pipeline.errors import InfrastructureError
from pipeline.settings.beam import FlinkSettings
from pipeline.settings.engines import Component

_MASTER, _KIND = "beam.flink.master", "Flink's REST API"
_FINAL_STATES = frozenset({"FINISHED", "CANCELED", "FAILED"})


class Flink(Cluster):
    """A session cluster of Apache Flink."""

    name = "flink"

    @property
    def settings(self) -> FlinkSettings:
        """Settings of the Flink cluster."""
        return self.beam.flink

    def check(self) -> str:
        """Check that Flink answers, has a supported version and enough task slots."""
        overview = self._overview()
        slots = int(overview["slots-total"])
        self._check_capacity(slots, f"task slots in {overview['taskmanagers']} TaskManagers")
        flink = self.settings
        # A job server that the user names is built for one version of Flink already.
        if not (flink.job_server or flink.job_endpoint):
            self._check_version(_minor_version(overview), _supported_versions())
        return f"Flink {overview['flink-version']} at {self.settings.master}, {slots} task slots"

    def published_jar(self) -> str:
        """Return Beam's name for the job server of the cluster's version."""
        return f":runners:flink:{_minor_version(self._overview())}:job-server:shadowJar"

    def java_options(self, component: Component) -> list[str]:
        """Return no options: Flink's job server needs none.

        Args:
          component: TFX node id of the component.
        """
        return []

    def job_server_args(self) -> list[str]:
        """Return the address of the JobManager."""
        return [f"--flink-master=http://{self.settings.master}"]

    def flags(self, component: Component) -> list[str]:
        """Return how many task slots a job takes; without the flag, Beam takes one.

        Args:
          component: TFX node id of the component.
        """
        parallelism = self.beam.parallelism_of(component)
        return [f"--parallelism={parallelism or self._overview()['slots-total']}"]

    def cancel(self, job: str) -> None:
        """Cancel a job; Flink continues a job whose client has ended.

        Args:
          job: name of the job.
        """
        answer = self._request("/jobs/overview", timeout=CANCEL_SECONDS)
        try:
            running = [
                row["jid"]
                for row in answer["jobs"]
                if row["name"] == job and row["state"] not in _FINAL_STATES
            ]
        except (TypeError, KeyError) as error:
            raise unexpected_service(_MASTER, _KIND, str(self.settings.master)) from error
        for job_id in running:
            self._request(f"/jobs/{job_id}?mode=cancel", "PATCH", CANCEL_SECONDS)

    def _overview(self) -> dict[str, Any]:
        overview = self._request("/overview")
        try:
            int(overview["slots-total"]), overview["taskmanagers"], overview["flink-version"]
        except (ValueError, TypeError, KeyError) as error:
            raise unexpected_service(_MASTER, _KIND, str(self.settings.master)) from error
        return overview

    def _request(self, path: str, method: str = "GET", timeout: float = SECONDS) -> Any:
        url = f"http://{self.settings.master}{path}"
        return request_json(_MASTER, _KIND, url, method, timeout)

    def _check_version(self, version: str, supported: list[str]) -> None:
        if version not in supported:
            raise InfrastructureError(
                f"Flink at {self.settings.master} is version {version}; this Beam publishes job "
                f"servers for {', '.join(supported)}.",
                "use a Flink of one of these versions, or set beam.flink.job_server",
            )


def _minor_version(overview: Mapping[str, Any]) -> str:
    """Return the version as Beam names it, such as 1.19."""
    return ".".join(str(overview["flink-version"]).split(".")[:2])


def _supported_versions() -> list[str]:
    """Return the versions that this Beam publishes a job server for."""
    from apache_beam.options.pipeline_options import FlinkRunnerOptions

    return list(FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS)
