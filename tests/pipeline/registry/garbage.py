"""Collect the garbage of a registry in a test."""

from __future__ import annotations

import datetime

from pipeline.registry import retention
from serving.store import model_config
from tests.pipeline.databases import Ledger

KEPT = 1


def policy_after(minutes: int) -> model_config.ServerPolicy:
    """Return the policy of a server that looks so many minutes later."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return model_config.ServerPolicy(settle_seconds=20, now=lambda: then)


def collect(ledger: Ledger, minutes: int = 60) -> list[tuple[str, str]]:
    """Remove the garbage; return the kind and the path of each item."""
    found = retention.plan(ledger.workspace, ledger.store, KEPT, policy_after(minutes))
    retention.apply(ledger.store, found)
    return [(each.kind, str(each.path.relative_to(ledger.workspace.root))) for each in found]


def folders(ledger: Ledger) -> list[str]:
    """Return the folders of all outputs."""
    return sorted(
        str(folder.relative_to(ledger.workspace.artifacts))
        for folder in ledger.workspace.artifacts.glob("*/*/*")
    )
