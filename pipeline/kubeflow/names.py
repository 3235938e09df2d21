"""Names that the package, the tasks and their environment share."""

from __future__ import annotations

import re

# Tasks beside TFX's nodes.
START, RECORD = "Start", "Record"

# The environment of a task, where it says how ML Metadata is reached.
HOST = "TAXIWAY_METADATA_HOST"
PORT = "TAXIWAY_METADATA_PORT"
DATABASE = "TAXIWAY_METADATA_DATABASE"
USER = "TAXIWAY_METADATA_USER"
PASSWORD = "TAXIWAY_METADATA_PASSWORD"
SSL_CA = "TAXIWAY_METADATA_SSL_CA"
SSL_CERT = "TAXIWAY_METADATA_SSL_CERT"
SSL_KEY = "TAXIWAY_METADATA_SSL_KEY"

# KFP's id of the run, and the parameters that somebody who starts a run may choose.
RUN = "run"
SPAN, WINDOW, DATA_ROOT = "span", "window", "data_root"
TUNE, WARM_START, PROMOTE = "tune", "warm_start", "promote"

REPORT = "report"


def of_task(node: str) -> str:
    """Return the KFP name of a node's task: `infra-check` for InfraCheck."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", node).replace("_", "-").replace(".", "-").lower()
