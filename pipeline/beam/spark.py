"""A standalone Spark, whose driver is Beam's job server."""

from __future__ import annotations

from pipeline.beam.calls import address_towards, ask, connect, somebody_else
from pipeline.beam.cluster import Cluster
from pipeline.settings.beam import SparkSettings
from pipeline.settings.engines import Component

# Spark's own scripts open these for Java 17.
_OPENED = ("java.lang", "java.lang.invoke", "java.net", "java.nio", "java.util",
           "java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs",
           "sun.security.action", "sun.util.calendar")  # fmt: skip


class Spark(Cluster):
    """A standalone cluster of Apache Spark 3."""

    name = "spark"

    @property
    def settings(self) -> SparkSettings:
        """How it is reached."""
        return self.beam.spark

    def find(self) -> str:
        """Make sure that its master answers and, where it says so, has enough cores."""
        spark = self.settings
        connect("beam.spark.master", str(spark.master), "start it, or correct the setting")
        if spark.web_ui is None:
            return f"Spark at {spark.master}"
        asked = ("beam.spark.web_ui", "the page of Spark's master")
        found = ask(*asked, f"http://{spark.web_ui}/json/")
        try:
            cores, workers, url = int(found["cores"]), found["aliveworkers"], str(found["url"])
        except (ValueError, TypeError, KeyError) as error:
            raise somebody_else(*asked, spark.web_ui) from error
        self._check_room(cores, f"cores in {workers} workers")
        return f"Spark at {url.removeprefix('spark://')}, {cores} cores"

    def published_jar(self) -> str:
        """Return Beam's name for the job server of Spark 3."""
        return ":runners:spark:3:job-server:shadowJar"

    def java(self, component: Component) -> list[str]:
        """Return Spark's configuration, which it reads from Java's properties."""
        conf = {"spark.ui.enabled": "false"}  # it would be there for everyone
        parallelism = self.beam.parallelism_of(component)
        if parallelism:
            conf |= {"spark.cores.max": str(parallelism)}
        # Workers call the driver; they may not know this machine by its name, as in a pod.
        here = address_towards("beam.spark.master", str(self.settings.master))
        conf |= dict.fromkeys(("spark.driver.host", "spark.driver.bindAddress"), here)
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        return opened + [f"-D{key}={value}" for key, value in (conf | self.settings.conf).items()]

    def words(self) -> list[str]:
        """Return where the job server finds the master."""
        return [f"--spark-master-url=spark://{self.settings.master}"]

    def flags(self, component: Component) -> list[str]:
        """Return no flags: all is the job server's configuration."""
        return []

    def cancel(self, job: str) -> None:
        """Do nothing: a job ends with its driver."""
