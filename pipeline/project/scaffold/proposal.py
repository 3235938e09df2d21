"""Propose the files of a project for a table."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from google.protobuf import text_format
from pydantic import ValidationError

from pipeline import sources
from pipeline.components.schema_gen.statistics import measure
from pipeline.errors import DataRefused, UsageError
from pipeline.project.scaffold import columns, division, fitting, labels, sizes, table
from pipeline.project.scaffold.columns import Decision, Given
from pipeline.project.scaffold.labels import Label
from pipeline.project.scaffold.render import own_code, render
from pipeline.project.scaffold.sizes import Counts, Sizes
from pipeline.project.scaffold.table import Table
from pipeline.settings.base import explain
from pipeline.settings.source import SourceSettings
from schema.inference import Roles, infer

_MAX_SLICES = 5
_NAME = r"[a-z][a-z0-9_-]*"
# Settings of the source that state how files are read, and their options.
READER_OPTIONS = {
    "encoding": "--encoding",
    "delimiter": "--delimiter",
    "decimal": "--decimal",
    "time_zone": "--time-zone",
}
_OPTIONS = {
    "source.split_keys": "--key",
    "source.time_column": "--time",
    "source.path": "DATA",
    **{f"source.{key}": option for key, option in READER_OPTIONS.items()},
}


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Args:
      data: file or folder of the table, absolute.
      folder: folder of the project, absolute.
      label: name of the label's column.
      time: name of the time column; default "" for none.
      time_format: form of the time column, as in strptime; default None, as the values show.
      keys: names of the columns that the hash split keeps together; default none.
      keep: names of the columns to use although they look like a leak or an id; default none.
      drop: names of the columns to leave out; default none.
      positive: value of the label that counts as positive; default None.
      name: name of the pipeline and the model; default None, from the name of the data.
      code: whether to add a package with code to edit; default False.
      command: the command as the user typed it, for next steps; default "taxiway init".
      reader: settings of the source by key of `READER_OPTIONS`, as the user states them; default
        none.
    """

    data: Path
    folder: Path
    label: str
    time: str = ""
    time_format: str | None = None
    keys: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    positive: str | None = None
    name: str | None = None
    code: bool = False
    command: str = "taxiway init"
    reader: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """The files of a project, and the reasons.

    Args:
      contents: text by path relative to the project's folder.
      decisions: decision about every column, in the order of the table.
      notes: what was decided about the whole table, one sentence each.
      counts: sizes of the two splits.
    """

    contents: dict[str, str]
    decisions: tuple[Decision, ...]
    notes: tuple[str, ...]
    counts: Counts


def propose(request: Request) -> Proposal:
    """Return the files of a project for a table.

    Args:
      request: what the user asks for.

    Raises:
      UsageError: the name is invalid, the table has no such column, or no model can be trained on
        the label.
      DataRefused: the table cannot be read.
    """
    if request.name is not None and not re.fullmatch(_NAME, request.name):
        raise UsageError(
            f"--name {request.name}: expected a letter, then a to z, 0 to 9, _ and -.",
            "choose another --name",
        )
    with tempfile.TemporaryDirectory(prefix="taxiway-init-") as scratch:
        divided = _divide(_source(request), Path(scratch, "raw"))
        commas = () if "decimal" in request.reader else table.decimal_commas(divided.table)
        if commas:
            with_comma = dict(request.reader) | {"decimal": ","}
            request = replace(request, reader=with_comma)
            divided = _divide(_source(request), Path(scratch, "decimal"))
        _check_names(request, divided.table)
        label = _label(request, divided.table)
        rows = table.read(
            divided.table.source,
            Path(scratch, "labelled"),
            sources.Label(label.column, label.positive, label.negative),
        )
        return _propose(request, divided, label, rows, commas)


def _source(request: Request) -> SourceSettings:
    try:
        return SourceSettings.model_validate(
            {
                "kind": "folder",
                "path": request.data,
                "time_column": request.time or None,
                "time_format": request.time_format,
                "split_keys": request.keys,
                **request.reader,
            }
        )
    except ValidationError as error:
        message = explain(error, SourceSettings)
        for key, option in READER_OPTIONS.items():
            message = message.replace(f"{key}:", f"{option}:")
        raise UsageError(message, "taxiway init --help") from error


def _divide(source: SourceSettings, folder: Path) -> division.Division:
    try:
        return division.divide(source, folder)
    except UsageError as error:
        # There are no settings yet, so messages name the options.
        raise UsageError(_with_options(error.what), _with_options(error.next_step)) from error
    except DataRefused as error:
        what, next_step = _with_options(error.what), _with_options(error.next_step)
        raise DataRefused(what, next_step, rows=error.rows) from error


def _with_options(message: str) -> str:
    for setting, option in _OPTIONS.items():
        message = message.replace(f"set {setting}", f"pass {option}").replace(setting, option)
    return message


def _propose(
    request: Request,
    divided: division.Division,
    label: Label,
    rows: Table,
    commas: Sequence[str],
) -> Proposal:
    statistics, evaluation = measure(rows.train), measure(rows.eval)
    counts = table.counts(rows, label.column)
    _refuse_one_label(label, counts)
    sized = sizes.choose(counts)
    reader = table.Reader(rows, label.column, sized.min_frequency)
    given = Given(label.column, request.time, request.keys, request.keep, request.drop)
    decisions = tuple(
        columns.decide(column, later, given, reader.values)
        for column, later in zip(statistics, evaluation)
    )
    _refuse_no_feature(decisions, request)
    slices, no_slices = _slices(rows, decisions, label, sized)
    roles = _roles(decisions, label, slices, request.time)
    schema = infer(statistics, roles)
    loosened = fitting.fit(schema, evaluation, measure([*rows.train, *rows.eval]))
    name, name_note = _name(request)
    package = f"{name.replace('-', '_')}_code"
    values = {
        "name": name,
        "label": label.column,
        "positive": label.positive,
        "negative": label.negative,
        "numeric": _with_role(decisions, "numeric"),
        "categorical": _with_role(decisions, "categorical"),
        "buckets": [decision for decision in decisions if decision.role == "bucket"],
        "slices": slices,
        "no_slices": no_slices,
        "left_out": [decision for decision in decisions if decision.role == "left out"],
        "path": _relative(request.data, request.folder),
        "split": "hash" if divided.hashed else "time",
        "keys": list(request.keys),
        "eval_fraction": rows.source.eval_fraction,
        "time_column": request.time,
        "time_format": rows.source.time_format,
        "period": rows.source.period,
        "reader": dict(request.reader),
        "window": rows.source.window,
        "counts": counts,
        "sizes": sized,
        "example": roles.inputs[0],
        "code": package if request.code else "",
    }
    contents = {
        file: render(file, values) for file in ("features.toml", "policy.toml", "taxiway.toml")
    }
    if request.code:
        contents |= {f"{package}/{file}": text for file, text in own_code().items()}
    contents["schema.pbtxt"] = text_format.MessageToString(schema, as_utf8=True)
    notes = [
        divided.reason,
        *([f"decimal comma, as in {', '.join(commas[:5])}"] if commas else []),
        f"label {label.column}: {label.reason}; {counts.shares[0]:.1%} of the train rows and "
        f"{counts.shares[1]:.1%} of the eval rows are positive",
        f"min_auc {sized.min_auc:g}: a model without skill exceeds it on {counts.eval:,} eval rows "
        "in about 1 of 40 runs",
        *([f"small table: {sized.small}"] if sized.small else []),
        *([name_note] if name_note else []),
        *(f"schema: {text}" for text in loosened),
    ]
    return Proposal(contents, decisions, tuple(notes), counts)


def _check_names(request: Request, rows: Table) -> None:
    options = {"--key": request.keys, "--keep": request.keep, "--drop": request.drop}
    named = [(option, name) for option, names in options.items() for name in names]
    table.check_names(rows, [("--label", request.label), *named])


def _label(request: Request, rows: Table) -> Label:
    values = table.label_values(rows, request.label)
    kind = table.column_type(rows, request.label)
    return labels.resolve(request.label, values, request.positive, kind, request.command)


def _refuse_one_label(label: Label, counts: Counts) -> None:
    for split, rows, positives in (
        ("train", counts.train, counts.train_positives),
        ("eval", counts.eval, counts.eval_positives),
    ):
        if positives in (0, rows):
            kind = "positive" if positives == 0 else "negative"
            raise UsageError(
                f"label {label.column}: expected both labels in every split, got no {kind} row "
                f"among the {rows:,} {split} rows.",
                "add rows, or choose another --time or label",
            )


def _refuse_no_feature(decisions: Sequence[Decision], request: Request) -> None:
    if any(decision.used for decision in decisions):
        return
    reasons = "; ".join(
        f"{decision.column}: {decision.reason}"
        for decision in decisions
        if decision.role == "left out"
    )
    raise UsageError(
        f"{request.data}: no column is left to predict {request.label} from ({reasons[:400]}).",
        "add columns that are available before the prediction, or pass --keep COLUMN",
    )


def _with_role(decisions: Sequence[Decision], role: str) -> list[str]:
    return [decision.column for decision in decisions if decision.role == role]


def _slices(
    rows: Table, decisions: Sequence[Decision], label: Label, sized: Sizes
) -> tuple[list[str], str]:
    """Return the columns to slice by, and why there are none."""
    candidates = sorted(
        (decision for decision in decisions if decision.role == "categorical"),
        key=lambda decision: decision.distinct,
    )
    slices = [
        decision.column
        for decision in candidates
        if sizes.sliceable(
            table.eval_slices(rows, decision.column, label.column),
            sized.min_slice_rows,
        )
    ]
    reason = (
        f"No text column has two values with {sized.min_slice_rows} eval rows."
        if candidates
        else "There is no text column."
    )
    return slices[:_MAX_SLICES], reason


def _roles(decisions: Sequence[Decision], label: Label, slices: Sequence[str], time: str) -> Roles:
    return Roles(
        label=label.column,
        inputs=[decision.column for decision in decisions if decision.used],
        slices=slices,
        buckets={decision.column: decision.size for decision in decisions if decision.size},
        time=time,
    )


def _name(request: Request) -> tuple[str, str]:
    """Return the name of the pipeline, and a note if it is not that of the data."""
    if request.name is not None:
        return request.name, ""
    stem = request.data.name.partition(".")[0]
    name = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")
    name = re.sub(r"^[^a-z]+", "", name)
    if name:
        return name, ""
    return "model", f"name = model, because a name has the letters a to z and {stem} has none"


def _relative(data: Path, folder: Path) -> str:
    if data == folder:
        return "."
    return str(data.relative_to(folder) if data.is_relative_to(folder) else data)
