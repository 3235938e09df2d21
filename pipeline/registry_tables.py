"""The published versions as tables for a person."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Column, Table

from serving.manifest import Manifest

# Of a table that is not on a terminal.
_PIPED_WIDTH = 160
# The Evaluator's means, not what a person wants to read.
_INTERNAL = frozenset({"auc_shortfall", "auc_standard_error"})


def versions(found: Mapping[int, Manifest]) -> None:
    """Print a line for each version, newest first."""
    if not found:
        print("No version is published yet.  Next   taxiway run")
        return
    table = Table(
        _numbers("version"), "state", "published", "trained on", "judged on",
        _numbers("AUC"), _numbers("rows"), "model id", "run",
    )  # fmt: skip
    for version, manifest in found.items():
        table.add_row(
            str(version),
            # TF Serving's own choice, unless it is told otherwise.
            "serving" if version == max(found) else "retired",
            manifest.published_at.replace("+00:00", "Z"),
            _spans(manifest.spans.train),
            str(manifest.spans.eval or ""),
            _number(manifest.metrics.get("auc")),
            _number(manifest.metrics.get("example_count")),
            manifest.model_id[:12],
            manifest.run_id,
        )
    _print(table)


def version(manifest: Manifest) -> None:
    """Print what is known of a version."""
    table = Table("of the version", str(manifest.version))
    for name, value in _facts(manifest).items():
        table.add_row(name, value)
    _print(table)
    metrics = [name for name in manifest.metrics if name not in _INTERNAL]
    slices = Table("slice", *map(_numbers, metrics))
    for where, values in _by_slice(manifest).items():
        slices.add_row(where, *(_number(values.get(name)) for name in metrics))
    _print(slices)


def comparison(one: Manifest, other: Manifest) -> None:
    """Print what differs between two versions."""
    facts = Table("of the version", str(one.version), str(other.version))
    first, second = _facts(one), _facts(other)
    for name in {**first, **second}:
        if first.get(name) != second.get(name):
            facts.add_row(name, first.get(name, ""), second.get(name, ""))
    _print(facts)
    aucs = Table(
        "AUC on slice", _numbers(str(one.version)), _numbers(str(other.version)), _numbers("change")
    )
    before, after = _by_slice(one), _by_slice(other)
    for where in {**before, **after}:
        old, new = (of.get(where, {}).get("auc") for of in (before, after))
        change = "" if old is None or new is None else f"{new - old:+.4f}"
        aucs.add_row(where, _number(old), _number(new), change)
    _print(aucs)


def _facts(manifest: Manifest) -> dict[str, str]:
    return {
        "published": f"{manifest.published_at} by {manifest.published_by}",
        "model id": manifest.model_id,
        "run": manifest.run_id,
        "trained on": _spans(manifest.spans.train),
        "judged on": str(manifest.spans.eval or ""),
        "code": manifest.code_hash[:12],
        **{name: str(value) for name, value in manifest.hyperparameters.items()},
        **{f"ML Metadata {name}": str(value) for name, value in manifest.mlmd.items()},
    }


def _by_slice(manifest: Manifest) -> dict[str, dict[str, float | None]]:
    return {"overall": manifest.metrics} | {each.slice: each.metrics for each in manifest.slices}


def _numbers(header: str) -> Column:
    return Column(header, justify="right")


def _spans(spans: tuple[int, ...]) -> str:
    if not spans:
        return ""
    return str(spans[0]) if len(spans) == 1 else f"{spans[0]} to {spans[-1]}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value > 1 and value.is_integer() else f"{value:.4f}"


def _print(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    console.print(table)
