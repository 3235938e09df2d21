"""The models as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.tree import Tree

from pipeline.cli import program
from pipeline.cli.console import open_console
from pipeline.registry.models import Entry
from pipeline.runs.records import RunRecord
from serving.store.manifest import Manifest
from serving.store.model_config import Event

if TYPE_CHECKING:
    from pipeline.metadata.lineage import Origin
    from pipeline.registry.retention import Garbage

_NUMBERS = frozenset({"version", "AUC", "rows", "seconds"})
# Columns to leave out on a narrow terminal; `registry show` and --json have them too.
_LEAST_FIRST = (
    "where",
    "hyperparameters",
    "seconds",
    "rows",
    "model id",
    "trained on",
    "eval span",
)
# Metrics that the Evaluator computes for its own thresholds.
_INTERNAL = frozenset({"auc_shortfall", "auc_standard_error"})


def listing(entries: Sequence[Entry], root: Path) -> None:
    """Print a line per model, then the hyperparameters that all models share.

    Args:
      entries: models to list, in the order of the lines.
      root: folder of the workspace, which shortens paths.
    """
    if not entries:
        _print_text(f"{root}: there is no model yet.\nNext   {program.as_typed('taxiway run')}")
        return
    first, *others = [entry.hyperparameters for entry in entries]
    common = {
        name: value
        for name, value in first.items()
        if all(other.get(name) == value for other in others)
    }
    console = open_console()
    console.print(_fitting([_line(entry, common, root) for entry in entries], console))
    if common:
        _print_text(f"Hyperparameters of all models: {_settings(common)}")


def _line(entry: Entry, common: Mapping[str, object], root: Path) -> dict[str, str]:
    own = {name: value for name, value in entry.hyperparameters.items() if name not in common}
    trained, evaluated = _entry_spans(entry)
    return {
        "version": str(entry.version or ""),
        "state": entry.state,
        "aliases": ", ".join(entry.aliases),
        "when": entry.at[:16].replace("T", " "),
        "trained on": trained,
        "eval span": evaluated,
        "AUC": _number(entry.metrics.get("auc")),
        "rows": _number(entry.metrics.get("example_count")),
        "model id": entry.model_id[:12],
        "run": entry.run_id,
        "seconds": "" if entry.record is None else f"{entry.record.seconds:.1f}",
        "where": escape(_relative(Path(entry.uri), root)),
        "hyperparameters": escape(_settings(own)),
    }


def _fitting(lines: Sequence[Mapping[str, str]], console: Console) -> Table:
    """Return a table without the least important columns where the terminal is too narrow."""
    columns = list(lines[0])
    if console.is_terminal:
        for least in _LEAST_FIRST:
            if _width(lines, columns) > console.width:
                columns.remove(least)
    table = Table(*(_numeric(name) if name in _NUMBERS else name for name in columns))
    for line in lines:
        table.add_row(*(line[name] for name in columns))
    return table


def _width(lines: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    frame = 3  # a line and two spaces per column
    return 1 + sum(frame + max(len(name), *(len(line[name]) for line in lines)) for name in columns)


def _settings(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def candidate(record: RunRecord) -> None:
    """Print the facts of a model that was not published, and why it was not.

    Args:
      record: record of the run that trained the model.
    """
    table = Table("run", record.run_id)
    facts = {
        "began": record.began,
        "outcome": record.outcome,
        "model id": record.model_id or "",
        "trained on": _spans(record.train_spans),
        "evaluated on": str(record.span or ""),
        **{name: _number(value) for name, value in record.metrics.items()},
        **{name: str(value) for name, value in record.hyperparameters.items()},
    }
    for name, value in facts.items():
        table.add_row(name, value)
    open_console().print(table)
    for reason in record.reasons or (record.error,):
        _print_text(f"  {reason}")


def history(events: Sequence[Event]) -> None:
    """Print the changes of the aliases.

    Args:
      events: changes, in the order of the lines.
    """
    table = Table("when", "who", "action", "alias", _numeric("version"), _numeric("before"), "why")
    for event in events:
        before = str(event.before or "")
        table.add_row(
            event.at[:19].replace("T", " "), event.who, event.action, event.alias,
            str(event.version), before, escape(event.why),
        )  # fmt: skip
    open_console().print(table)


def version(manifest: Manifest) -> None:
    """Print the facts of a version, and its metrics by slice.

    Args:
      manifest: manifest of the version.
    """
    table = Table("version", str(manifest.version))
    for name, value in _facts(manifest).items():
        table.add_row(name, value)
    open_console().print(table)
    metrics = [name for name in manifest.metrics if name not in _INTERNAL]
    slices = Table("slice", *map(_numeric, metrics))
    for slice_name, values in _by_slice(manifest).items():
        slices.add_row(slice_name, *(_number(values.get(name)) for name in metrics))
    open_console().print(slices)


def comparison(one: Manifest, other: Manifest) -> None:
    """Print the facts and the AUCs by slice that differ between two versions.

    Args:
      one: manifest of the version in the first column.
      other: manifest of the version in the second column.
    """
    facts = Table("version", str(one.version), str(other.version))
    first, second = _facts(one), _facts(other)
    for name in {**first, **second}:
        if first.get(name) != second.get(name):
            facts.add_row(name, first.get(name, ""), second.get(name, ""))
    open_console().print(facts)
    aucs = Table(
        "AUC on slice", _numeric(str(one.version)), _numeric(str(other.version)), _numeric("change")
    )
    before, after = _by_slice(one), _by_slice(other)
    for slice_name in {**before, **after}:
        old, new = (metrics.get(slice_name, {}).get("auc") for metrics in (before, after))
        change = "" if old is None or new is None else f"{new - old:+.4f}"
        aucs.add_row(slice_name, _number(old), _number(new), change)
    open_console().print(aucs)


def _facts(manifest: Manifest) -> dict[str, str]:
    return {
        "published": f"{manifest.published_at} by {manifest.published_by}",
        "model id": manifest.model_id,
        "run": manifest.run_id,
        "trained on": _spans(manifest.spans.train),
        "evaluated on": str(manifest.spans.eval or ""),
        **({"compared with": "no model (--no-baseline)"} if manifest.no_baseline else {}),
        "code": manifest.code_hash[:12],
        **{name: str(value) for name, value in manifest.hyperparameters.items()},
        **{f"ML Metadata {name}": str(value) for name, value in manifest.mlmd.items()},
    }


def garbage(items: Sequence[Garbage], root: Path) -> None:
    """Print the folders that garbage collection removes.

    Args:
      items: folders to remove, with their sizes.
      root: folder of the workspace, which shortens paths.
    """
    table = Table("what", "folder", _numeric("MB"))
    for item in items:
        table.add_row(item.kind, escape(_relative(item.path, root)), f"{item.bytes / 1e6:,.1f}")
    if items:
        open_console().print(table)


def origins(manifest: Manifest, origin: Origin, root: Path) -> None:
    """Print the executions and artifacts behind a version, as a tree.

    Args:
      manifest: manifest of the version.
      origin: root of the lineage.
      root: folder of the workspace, which shortens paths.
    """
    tree = Tree(f"version {manifest.version}, model {manifest.model_id[:12]}")
    _grow(tree, origin, root)
    open_console().print(tree)


def _grow(tree: Tree, origin: Origin, root: Path) -> None:
    if origin.kind == "execution":
        label = f"[bold]{escape(origin.name)}[/] #{origin.id}"
    else:
        number = f" #{origin.id}" if origin.id else ""
        path = _relative(Path(origin.uri), root) if origin.kind == "artifact" else origin.uri
        label = f"{escape(origin.name)}{number}  [dim]{escape(path)}[/]"
    branch = tree.add(label)
    for parent in origin.came_from:
        _grow(branch, parent, root)


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _entry_spans(entry: Entry) -> tuple[str, str]:
    if entry.manifest is not None:
        return _spans(entry.manifest.spans.train), str(entry.manifest.spans.eval or "")
    if entry.record is not None:
        return _spans(entry.record.train_spans), str(entry.record.span or "")
    return "", ""


def _by_slice(manifest: Manifest) -> dict[str, dict[str, float | None]]:
    return {"overall": manifest.metrics} | {item.slice: item.metrics for item in manifest.slices}


def _numeric(header: str) -> Column:
    return Column(header, justify="right")


def _spans(spans: tuple[int, ...]) -> str:
    if not spans:
        return ""
    return str(spans[0]) if len(spans) == 1 else f"{spans[0]} to {spans[-1]}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value > 1 and value.is_integer() else f"{value:.4f}"


def _print_text(text: str) -> None:
    open_console(soft_wrap=True).print(text, markup=False)
