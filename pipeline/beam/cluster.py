"""What Taxiway has to know of a cluster, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pipeline.errors import InfrastructureError
from pipeline.settings.beam import BeamSettings, ClusterSettings
from pipeline.settings.engines import ClusterName, Component


class Cluster(ABC):
    """A cluster that Beam hands jobs to.

    Args:
      beam: settings, in which at least one component works there.
    """

    name: ClusterName

    def __init__(self, beam: BeamSettings) -> None:
        self.beam = beam

    @property
    def settings(self) -> ClusterSettings:
        """How it is reached."""
        return self.beam.of_cluster(self.name)

    @abstractmethod
    def find(self) -> str:
        """Make sure that it answers and is what the settings say.

        Returns:
          What was found, in words.

        Raises:
          InfrastructureError: it does not answer, is of another version, or too small.
        """

    @abstractmethod
    def published_jar(self) -> str:
        """Return Beam's name for the job server that it publishes for the cluster."""

    @abstractmethod
    def java(self, component: Component) -> list[str]:
        """Return the options of Java that the component's job server is started with."""

    @abstractmethod
    def words(self) -> list[str]:
        """Return what the job server is told of the cluster."""

    @abstractmethod
    def flags(self, component: Component) -> list[str]:
        """Return the flags for Beam that only this kind of cluster has."""

    @abstractmethod
    def cancel(self, job: str) -> None:
        """End a job, if it runs there and outlives its job server.

        Args:
          job: its name.
        """

    def _wanted(self) -> int:
        """Return how many parts the widest component is done in at once."""
        return max(
            self.beam.parallelism_of(component) or 1
            for component, engine in self.beam.engines.items()
            if engine == self.name
        )

    def _check_room(self, there: int, of_what: str) -> None:
        if there < self._wanted():
            raise InfrastructureError(
                f"{self.name.capitalize()} at {self.settings.master} has {there} {of_what}; "
                f"{self._wanted()} are needed.",
                f"start more of it, or lower beam.{self.name}.parallelism",
            )
