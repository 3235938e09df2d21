"""A standalone Spark cluster; Beam's job server is its driver."""

from __future__ import annotations

from pipeline.beam.calls import (
    check_connection,
    local_address_for,
    request_json,
    unexpected_service,
)
from pipeline.beam.cluster_base import Cluster
from pipeline.settings.beam import SparkSettings
from pipeline.settings.engines import Component

# Java 17 closes these packages, so Spark's own scripts open them too.
_OPEN_PACKAGES = ("java.lang", "java.lang.invoke", "java.net", "java.nio", "java.util",
                  "java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch",
                  "sun.nio.cs", "sun.security.action", "sun.util.calendar")  # fmt: skip


class Spark(Cluster):
    """A standalone cluster of Apache Spark 3."""

    name = "spark"

    @property
    def settings(self) -> SparkSettings:
        """Settings of the Spark cluster."""
        return self.beam.spark

    def check(self) -> str:
        """Check that the master answers and, if its web page is set, has enough cores."""
        spark = self.settings
        check_connection(
            "beam.spark.master", str(spark.master), "start the master, or fix the setting"
        )
        if spark.web_ui is None:
            return f"Spark at {spark.master}"
        setting, kind = "beam.spark.web_ui", "the page of Spark's master"
        page = request_json(setting, kind, f"http://{spark.web_ui}/json/")
        try:
            cores, workers, url = int(page["cores"]), page["aliveworkers"], str(page["url"])
        except (ValueError, TypeError, KeyError) as error:
            raise unexpected_service(setting, kind, spark.web_ui) from error
        self._check_capacity(cores, f"cores in {workers} workers")
        return f"Spark at {url.removeprefix('spark://')}, {cores} cores"

    def published_jar(self) -> str:
        """Return Beam's name for the job server of Spark 3."""
        return ":runners:spark:3:job-server:shadowJar"

    def java_options(self, component: Component) -> list[str]:
        """Return Spark's configuration as Java properties.

        Args:
          component: TFX node id of the component.
        """
        conf = {"spark.ui.enabled": "false"}  # every user of the network could read it
        parallelism = self.beam.parallelism_of(component)
        if parallelism:
            conf |= {"spark.cores.max": str(parallelism)}
        # Workers call the driver and may not resolve this machine's name, as in a pod, so the
        # driver has a numeric address.
        driver = local_address_for("beam.spark.master", str(self.settings.master))
        conf |= dict.fromkeys(("spark.driver.host", "spark.driver.bindAddress"), driver)
        opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN_PACKAGES]
        return opens + [f"-D{key}={value}" for key, value in (conf | self.settings.conf).items()]

    def job_server_args(self) -> list[str]:
        """Return the address of the master."""
        return [f"--spark-master-url=spark://{self.settings.master}"]

    def flags(self, component: Component) -> list[str]:
        """Return no flags: the job server's configuration states everything.

        Args:
          component: TFX node id of the component.
        """
        return []

    def cancel(self, job: str) -> None:
        """Do nothing: a job ends with its driver.

        Args:
          job: name of the job.
        """
