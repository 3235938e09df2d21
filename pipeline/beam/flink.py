"""A Flink cluster, by the REST API of its JobManager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.beam.calls import CANCEL_SECONDS, SECONDS, ask, somebody_else
from pipeline.beam.cluster import Cluster
from pipeline.errors import InfrastructureError
from pipeline.settings.beam import FlinkSettings
from pipeline.settings.engines import Component

_MASTER, _KIND = "beam.flink.master", "Flink's REST API"
_ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})


class Flink(Cluster):
    """A session cluster of Apache Flink."""

    name = "flink"

    @property
    def settings(self) -> FlinkSettings:
        """How it is reached."""
        return self.beam.flink

    def find(self) -> str:
        """Make sure that it answers, is of a known version and has enough task slots."""
        found = self._overview()
        slots = int(found["slots-total"])
        self._check_room(slots, f"task slots in {found['taskmanagers']} TaskManagers")
        flink = self.settings
        if not (flink.job_server or flink.job_endpoint):  # they know which Flink they are for
            self._check_version(_minor(found), _known())
        return f"Flink {found['flink-version']} at {self.settings.master}, {slots} task slots"

    def published_jar(self) -> str:
        """Return Beam's name for the job server of the cluster's version."""
        return f":runners:flink:{_minor(self._overview())}:job-server:shadowJar"

    def java(self, component: Component) -> list[str]:
        """Return no options: its job server needs none."""
        return []

    def words(self) -> list[str]:
        """Return where the job server finds the JobManager."""
        return [f"--flink-master=http://{self.settings.master}"]

    def flags(self, component: Component) -> list[str]:
        """Return how many task slots a job takes: Beam takes one when it is not told."""
        parallelism = self.beam.parallelism_of(component)
        return [f"--parallelism={parallelism or self._overview()['slots-total']}"]

    def cancel(self, job: str) -> None:
        """End a job, which goes on when nobody waits for it any longer."""
        found = self._ask("/jobs/overview", seconds=CANCEL_SECONDS)
        try:
            running = [
                each["jid"]
                for each in found["jobs"]
                if each["name"] == job and each["state"] not in _ENDED
            ]
        except (TypeError, KeyError) as error:
            raise somebody_else(_MASTER, _KIND, str(self.settings.master)) from error
        for number in running:
            self._ask(f"/jobs/{number}?mode=cancel", "PATCH", CANCEL_SECONDS)

    def _overview(self) -> dict[str, Any]:
        found = self._ask("/overview")
        try:
            int(found["slots-total"]), found["taskmanagers"], found["flink-version"]
        except (ValueError, TypeError, KeyError) as error:
            raise somebody_else(_MASTER, _KIND, str(self.settings.master)) from error
        return found

    def _ask(self, path: str, method: str = "GET", seconds: float = SECONDS) -> Any:
        return ask(_MASTER, _KIND, f"http://{self.settings.master}{path}", method, seconds)

    def _check_version(self, version: str, known: list[str]) -> None:
        if version not in known:
            raise InfrastructureError(
                f"Flink at {self.settings.master} is version {version}; this Beam publishes job "
                f"servers for {', '.join(known)}.",
                "use such a cluster, or name a beam.flink.job_server",
            )


def _minor(overview: Mapping[str, Any]) -> str:
    """Return the version as Beam names it, such as 1.19."""
    return ".".join(str(overview["flink-version"]).split(".")[:2])


def _known() -> list[str]:
    """Return the versions that this Beam publishes a job server for."""
    from apache_beam.options.pipeline_options import FlinkRunnerOptions

    return list(FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS)
