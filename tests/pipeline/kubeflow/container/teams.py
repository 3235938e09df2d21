"""A team that runs packages on a stand-in for a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.kubeflow.container.plan import RunFolder
from pipeline.metadata import executions
from pipeline.metadata import store as metadata
from pipeline.runs import records
from pipeline.runs.records import RunRecord
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT
from tests.pipeline.kubeflow import packages
from tests.pipeline.kubeflow.cluster import Cluster, Fault, Pod

# The parameters of `flights_run`.
SMALL = {"span": 201302, "window": 1}


@dataclass
class Team:
    """A workspace on a volume, its database and a cluster that reaches both.

    Args:
      workspace: folder of all state.
      database: how to reach ML Metadata.
      cluster: cluster to run packages on.
    """

    workspace: Path
    database: MetadataSettings
    cluster: Cluster

    def package(self, retries: int = 0, **more: Any) -> str:
        """Return the flights' package for this workspace."""
        kubeflow = KubeflowSettings(
            image="taxiway", project=PROJECT, workspace=self.workspace, retries=retries,
            metadata_secret="database" if self.database.host else None,
        )  # fmt: skip
        return packages.compiled(kubeflow, metadata=self.database, **more).to_yaml()

    def run(
        self,
        run_id: str,
        package: str,
        parameters: dict[str, Any] | None = None,
        faults: dict[str, Fault] | None = None,
    ) -> dict[str, Pod]:
        """Run a package on two months of flights."""
        return self.cluster.run(package, run_id, SMALL | (parameters or {}), faults)

    def record(self, run_id: str) -> RunRecord:
        """Return the record of a run."""
        plan = RunFolder(self.workspace, run_id).read_plan()
        assert plan is not None
        return records.read(self.workspace / "runs" / f"{plan.run_id}.json")

    def executions(self, run_id: str) -> dict[str, list[int]]:
        """Return the states of a run's executions by node."""
        plan = RunFolder(self.workspace, run_id).read_plan()
        assert plan is not None
        ml_metadata = metadata.open_store(
            Settings(workspace=self.workspace, metadata=self.database)
        )
        by_node = executions.by_node(ml_metadata, plan.run_id)
        return {
            node: [execution.last_known_state for execution in node_executions]
            for node, node_executions in by_node.items()
        }
