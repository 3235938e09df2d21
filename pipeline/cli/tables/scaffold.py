"""What `taxiway init` decided, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table

from pipeline.cli.console import open_console
from pipeline.project.scaffold.columns import Decision

_STYLES = {"left out": "dim", "label": "bold"}


def decisions(items: Sequence[Decision]) -> None:
    """Print what every column is used for, and why.

    Args:
      items: decisions, in the order of the lines.
    """
    table = Table(
        "column",
        "role",
        Column("missing", justify="right"),
        Column("values", justify="right"),
        Column("AUC alone", justify="right"),
        "why",
    )
    for item in items:
        remedy = f"\n→ {item.remedy}" if item.remedy else ""
        table.add_row(
            escape(item.column),
            item.role,
            _share(item.missing),
            f"{item.distinct:,}",
            "" if item.auc is None else f"{item.auc:.3f}",
            escape(item.reason + remedy),
            style=_STYLES.get(item.role),
        )
    open_console().print(table)


def _share(missing: float) -> str:
    if not missing:
        return ""
    return "< 0.1%" if missing < 0.001 else f"{min(missing, 0.999):.1%}" if missing < 1 else "all"


def notes(items: Sequence[str]) -> None:
    """Print sentences about the whole table.

    Args:
      items: sentences, in the order of the lines.
    """
    console = open_console(soft_wrap=True)
    for item in items:
        console.print(f"- {item}", markup=False)
