"""Names that the package, the tasks and their environment share."""

from __future__ import annotations

import re

# Tasks beside TFX's nodes.
START, RECORD = "Start", "Record"

# Environment variables of a task that state how to reach ML Metadata.
HOST = "TAXIWAY_METADATA_HOST"
PORT = "TAXIWAY_METADATA_PORT"
DATABASE = "TAXIWAY_METADATA_DATABASE"
USER = "TAXIWAY_METADATA_USER"
PASSWORD = "TAXIWAY_METADATA_PASSWORD"
SSL_CA = "TAXIWAY_METADATA_SSL_CA"
SSL_CERT = "TAXIWAY_METADATA_SSL_CERT"
SSL_KEY = "TAXIWAY_METADATA_SSL_KEY"

# The input with KFP's id of the run, and the parameters that a run can be started with.
RUN = "run"
SPAN, WINDOW, DATA_ROOT = "span", "window", "data_root"
TUNE, WARM_START, PROMOTE = "tune", "warm_start", "promote"
NO_BASELINE = "no_baseline"

REPORT = "report"


def task_name(node: str) -> str:
    """Return the KFP name of a node's task: `infra-check` for InfraCheck.

    Args:
      node: id of the node.
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", node).replace("_", "-").replace(".", "-").lower()
