"""Measure commands in a workspace with a long history: 10,000 runs."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.measure import wall_seconds

RUNS = 10_000

# Contexts that every run shares; the others are one run's own.
_SHARED = ("pipeline", "node")


@dataclass(frozen=True)
class History:
    """Wall seconds in a workspace with one run, and with a long history.

    Args:
      runs: number of runs in the history.
      list_seconds: `taxiway registry list` with the history.
      start_seconds: the step Start of an unchanged run, without and with the history.
      run_seconds: the whole unchanged run, without and with the history.
    """

    runs: int
    list_seconds: float
    start_seconds: tuple[float, float]
    run_seconds: tuple[float, float]


def measure(workspace: Path, runs: int = RUNS) -> History:
    """Copy the first run of a workspace many times, and measure before and after.

    Args:
      workspace: workspace with one published run; changed.
      runs: number of runs to add; default 10,000.
    """
    before = _unchanged_run(workspace)
    _repeat_metadata(workspace / "metadata" / "metadata.sqlite", runs)
    _repeat_records(workspace / "runs", runs)
    taxiway = Path(sys.executable).with_name("taxiway")
    listing = wall_seconds([taxiway, "registry", "list", "--workspace", workspace])
    after = _unchanged_run(workspace)
    return History(runs, listing, (before[0], after[0]), (before[1], after[1]))


def _unchanged_run(workspace: Path) -> tuple[float, float]:
    taxiway = Path(sys.executable).with_name("taxiway")
    done = subprocess.run(
        [taxiway, "run", "--json", "--workspace", workspace],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    record = json.loads(done.stdout)
    start = next(step["seconds"] for step in record["steps"] if step["name"] == "Start")
    return start, record["seconds"]


def _repeat_records(folder: Path, runs: int) -> None:
    """Write copies of the newest run record: earlier runs, each with a model of its own."""
    record = json.loads(max(folder.glob("[!.]*.json")).read_text(encoding="utf-8"))
    for number in range(runs):
        run_id = f"2000{number:08d}-000000-000000"
        trainer = {"model": {"uri": f"/history/{number}", "id": number}}
        copy = record | {
            "run_id": run_id,
            "version": None,
            "outputs": record["outputs"] | {"Trainer": trainer},
        }
        (folder / f"{run_id}.json").write_text(json.dumps(copy), encoding="utf-8")


def _repeat_metadata(database: Path, runs: int) -> None:
    """Insert copies of every execution, artifact and event of a database.

    ML Metadata's own interface takes minutes for so many, so the rows are written with SQL.
    """
    with sqlite3.connect(database) as connection:
        copier = _Copier(connection)
        for number in range(1, runs + 1):
            copier.copy(number)


class _Copier:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()
            for table in (
                "Artifact", "ArtifactProperty", "Execution", "ExecutionProperty", "Event",
                "EventPath", "Association", "Attribution",
            )
        }  # fmt: skip
        self._contexts = connection.execute(
            "SELECT Context.* FROM Context JOIN Type ON Context.type_id = Type.id "
            "WHERE Type.name NOT IN (?, ?)",
            _SHARED,
        ).fetchall()
        own = {row[0] for row in self._contexts}
        self._context_step = self._highest("Context")
        self._own_contexts = own
        self._steps = {table: self._highest(table) for table in ("Artifact", "Execution", "Event")}
        self._links = {table: self._highest(table) for table in ("Association", "Attribution")}

    def _highest(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0])

    def copy(self, number: int) -> None:
        """Insert one copy, whose ids lie above those of the copies before."""
        artifact, execution, event = (
            number * self._steps[table] for table in ("Artifact", "Execution", "Event")
        )
        context = number * self._context_step
        tables = self._tables
        self._insert(
            "Context",
            ((row[0] + context, row[1], f"{row[2]}-{number}", *row[3:]) for row in self._contexts),
        )
        for table, step in (("Artifact", artifact), ("Execution", execution)):
            self._insert(table, (self._renamed(row, step, number) for row in tables[table]))
        for table, step in (("ArtifactProperty", artifact), ("ExecutionProperty", execution)):
            self._insert(table, ((row[0] + step, *row[1:]) for row in tables[table]))
        self._insert(
            "Event",
            (
                (row[0] + event, row[1] + artifact, row[2] + execution, *row[3:])
                for row in tables["Event"]
            ),
        )
        self._insert("EventPath", ((row[0] + event, *row[1:]) for row in tables["EventPath"]))
        for table, step in (("Association", execution), ("Attribution", artifact)):
            first = number * self._links[table]
            self._insert(
                table,
                (
                    (
                        row[0] + first,
                        row[1] + context * (row[1] in self._own_contexts),
                        row[2] + step,
                    )
                    for row in tables[table]
                ),
            )

    @staticmethod
    def _renamed(row: tuple[Any, ...], step: int, number: int) -> tuple[Any, ...]:
        # Artifacts have the columns id, type, uri, state, name; executions have no uri.
        name = 4 if len(row) == 8 else 3
        return (
            row[0] + step,
            *row[1:name],
            row[name] and f"{row[name]}-{number}",
            *row[name + 1 :],
        )

    def _insert(self, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
        content = list(rows)
        if content:
            marks = ", ".join("?" * len(content[0]))
            self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", content)
