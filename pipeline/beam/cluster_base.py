"""The interface that every kind of cluster implements."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pipeline.errors import InfrastructureError
from pipeline.settings.beam import BeamSettings, ClusterSettings
from pipeline.settings.engines import ClusterName, Component


class Cluster(ABC):
    """A cluster that Beam submits jobs to.

    Args:
      beam: Beam settings, in which at least one component works on the cluster.
    """

    name: ClusterName

    def __init__(self, beam: BeamSettings) -> None:
        self.beam = beam

    @property
    def settings(self) -> ClusterSettings:
        """Settings of the cluster."""
        return self.beam.cluster(self.name)

    @abstractmethod
    def check(self) -> str:
        """Check that the cluster answers and is what the settings state.

        Returns:
          A description of the cluster, for the user.

        Raises:
          InfrastructureError: the cluster does not answer, has another version, or is too small.
        """

    @abstractmethod
    def published_jar(self) -> str:
        """Return Beam's name for the job server that Beam publishes for the cluster."""

    @abstractmethod
    def java_options(self, component: Component) -> list[str]:
        """Return the Java options of a component's job server.

        Args:
          component: TFX node id of the component.
        """

    @abstractmethod
    def job_server_args(self) -> list[str]:
        """Return the arguments that tell the job server where the cluster is."""

    @abstractmethod
    def flags(self, component: Component) -> list[str]:
        """Return the Beam flags that only this kind of cluster has.

        Args:
          component: TFX node id of the component.
        """

    @abstractmethod
    def cancel(self, job: str) -> None:
        """Cancel a job, if jobs on the cluster outlive their job server.

        Args:
          job: name of the job.
        """

    def _required_slots(self) -> int:
        """Return the parallelism of the widest component."""
        return max(
            self.beam.parallelism_of(component) or 1
            for component, engine in self.beam.engines.items()
            if engine == self.name
        )

    def _check_capacity(self, available: int, unit: str) -> None:
        if available < self._required_slots():
            raise InfrastructureError(
                f"{self.name.capitalize()} at {self.settings.master} has {available} {unit}; "
                f"{self._required_slots()} are needed.",
                f"add workers to the cluster, or lower beam.{self.name}.parallelism",
            )
