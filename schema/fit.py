"""Fit the curated schema to the data; a column that the model uses is never taken out of use."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns, environments
from schema.environments import TRAINING
from schema.inference import ColumnStatistics, Roles, infer
from schema.messages import cures
from schema.messages.cures import TYPES
from schema.messages.spelling import nearest, visible

# Every reader of TFX leaves out a column in one of these stages.
_UNUSED_STAGES = frozenset({
    schema_pb2.PLANNED, schema_pb2.ALPHA, schema_pb2.DEBUG_ONLY, schema_pb2.DEPRECATED,
    schema_pb2.DISABLED, schema_pb2.VALIDATION_DERIVED,
})  # fmt: skip

Splits = Mapping[str, Sequence[ColumnStatistics]]
# Function that returns values of a column, in text, that are not of a type.
Samples = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True)
class Mismatch:
    """A column of the model that no change of the schema makes fit.

    Args:
      feature: name of the column.
      actual: what the data has.
      expected: what the column's role requires.
      cure: what to change in the data, the settings or the features file, as an imperative.
    """

    feature: str
    actual: str
    expected: str
    cure: str


@dataclass(frozen=True)
class Proposal:
    """A schema that fits the data, except for the mismatches.

    Args:
      schema: the changed schema; a column with a mismatch is as in the curated schema.
      mismatches: what a change of the schema does not solve.
      unmatched: names of columns whose eval split does not match what the train split gave them.
    """

    schema: schema_pb2.Schema
    mismatches: tuple[Mismatch, ...]
    unmatched: tuple[str, ...] = ()


def fit(
    curated: schema_pb2.Schema, splits: Splits, roles: Roles, samples: Samples = lambda *_: ()
) -> Proposal:
    """Return the schema with the smallest changes that make it fit the data.

    What is stated by hand is widened to the data of both splits. What a column of the model does
    not state is inferred from the train split alone.

    Args:
      curated: curated schema; it is not modified.
      splits: statistics of the columns in the splits `train` and `eval`.
      roles: what the model uses the columns for.
      samples: function that returns values of a column that are not of a type; default none.
    """
    proposal = _fit(curated, splits, roles, samples)
    again = _fit(proposal.schema, splits, roles, samples).schema
    unmatched = [
        feature.name
        for feature, next_feature in zip(proposal.schema.feature, again.feature)
        if feature != next_feature
    ]
    return replace(proposal, unmatched=tuple(unmatched))


def _fit(curated: schema_pb2.Schema, splits: Splits, roles: Roles, samples: Samples) -> Proposal:
    schema = schema_pb2.Schema()
    schema.CopyFrom(curated)
    measured = {
        split: {column.name: column for column in statistics}
        for split, statistics in splits.items()
    }
    names = sorted({name for by_name in measured.values() for name in by_name})
    mismatches: list[Mismatch] = []
    unfit = set()
    for feature in schema.feature:
        by_split = {
            split: by_name[feature.name]
            for split, by_name in measured.items()
            if feature.name in by_name
        }
        fitting = _Fitting(schema, feature, by_split, roles, samples)
        if problems := fitting.problems(names):
            unfit.add(feature.name)
            mismatches += problems
        elif by_split:
            mismatches += fitting.widen()
        elif fitting.is_required():
            feature.lifecycle_stage = schema_pb2.DEPRECATED
    train = [column for column in splits["train"] if column.name not in unfit]
    others = [column for column in splits["eval"] if column.name not in measured["train"]]
    return Proposal(infer([*train, *others], roles, schema), tuple(mismatches))


class _Fitting:
    """One column of the schema, and its statistics in the splits."""

    def __init__(
        self,
        schema: schema_pb2.Schema,
        feature: schema_pb2.Feature,
        splits: Mapping[str, ColumnStatistics],
        roles: Roles,
        samples: Samples,
    ) -> None:
        self._schema = schema
        self._feature = feature
        self._splits = splits
        self._role = roles.role(feature.name)
        self._buckets = roles.buckets.get(feature.name)
        self._samples = samples
        self._type = schema_pb2.FeatureType.Name(feature.type)

    def is_required(self) -> bool:
        """Return whether the gate refuses data without this column."""
        presence = self._feature.presence
        return (
            self._feature.lifecycle_stage not in _UNUSED_STAGES
            and environments.is_expected(self._feature, self._schema, TRAINING)
            and bool(presence.min_fraction or presence.min_count)
        )

    def problems(self, names: Sequence[str]) -> list[Mismatch]:
        """Return what excludes a change of the schema, such as another type of an input.

        Args:
          names: names of the columns of the data.
        """
        name = self._feature.name
        if not self._role:
            return []
        if self._feature.lifecycle_stage in _UNUSED_STAGES or self._feature.deprecated:
            stage = schema_pb2.LifecycleStage.Name(self._feature.lifecycle_stage)
            return [
                self._mismatch(
                    f"lifecycle_stage {stage} in the schema", "a column in use",
                    f"remove lifecycle_stage from the schema, or {name} from the features file",
                )
            ]  # fmt: skip
        if not self._splits:
            if not environments.is_expected(self._feature, self._schema, TRAINING):
                return []
            hint = nearest(name, names)
            return [
                self._mismatch(
                    f"no such column; {hint}" if hint else "no such column", "a column of the data",
                    cures.MISSING_COLUMN,
                )
            ]  # fmt: skip
        other = self._other_type()
        if other is None:
            return []
        values = [] if other != "BYTES" else list(self._samples(name, self._type))
        shown = ", ".join(f'"{visible(value)}"' for value in values[:3])
        return [
            self._mismatch(
                f"{TYPES[other]}, such as {shown}" if shown else TYPES[other],
                TYPES[self._type],
                cures.cure(self._role, self._type, other, values),
            )
        ]

    def widen(self) -> list[Mismatch]:
        """Widen the statements to the data; return what must not be widened."""
        feature = self._feature
        if feature.lifecycle_stage in _UNUSED_STAGES or feature.deprecated:
            return []
        self._enter_training()
        other = self._other_type()
        if other is not None:
            self._change_type(other)
        mismatches = [
            mismatch
            for split, column in self._splits.items()
            for mismatch in self._widen_presence(split, column)
        ]
        if feature.type == schema_pb2.BYTES:
            self._widen_values()
        else:
            mismatches += self._widen_range()
        return mismatches

    def _other_type(self) -> str | None:
        types = {column.type for column in self._splits.values() if column.present}
        for kind in ("BYTES", "FLOAT", "INT"):
            if kind in types and kind != self._type:
                return kind
        return None

    def _change_type(self, kind: str) -> None:
        feature = self._feature
        feature.type = schema_pb2.FeatureType.Value(kind)
        for field in (feature.WhichOneof("domain_info"), "drift_comparator", "skew_comparator"):
            if field is not None:
                feature.ClearField(field)

    def _enter_training(self) -> None:
        feature, schema = self._feature, self._schema
        # Without TRAINING among the defaults, the gate uses no environment.
        if TRAINING in schema.default_environment and TRAINING in feature.not_in_environment:
            kept = [name for name in feature.not_in_environment if name != TRAINING]
            feature.not_in_environment[:] = kept

    def _widen_presence(self, split: str, column: ColumnStatistics) -> list[Mismatch]:
        feature, missing = self._feature, column.rows - column.present
        if self._role and column.rows and not column.present:
            return [
                self._mismatch(
                    f"no value in any row of the {split} split", "a value in some of the rows",
                    cures.EMPTY_COLUMN,
                )
            ]  # fmt: skip
        if self._role == "label" and missing:
            return [
                self._mismatch(
                    f"no value in {missing:,} rows of the {split} split", "a value in every row",
                    cures.LABEL_WITHOUT_VALUE,
                )
            ]  # fmt: skip
        if not missing:
            return []
        if feature.HasField("shape"):
            # A shape requires a value in every row.
            feature.value_count.min = feature.value_count.max = 1
        if not feature.HasField("presence"):
            return []
        presence, share = feature.presence, column.present / column.rows
        if share < presence.min_fraction:
            presence.min_fraction = math.floor(100 * share) / 100
        presence.min_count = min(presence.min_count, column.present)
        for field in ("min_fraction", "min_count"):
            if not getattr(presence, field):
                presence.ClearField(field)
        return []

    def _widen_values(self) -> None:
        feature = self._feature
        listed = columns.categories(self._schema, feature)
        if listed is None:
            return
        if any(column.values is None for column in self._splits.values()):
            # So many new values are no list of categories any more.
            feature.ClearField(feature.WhichOneof("domain_info"))
            return
        values = {value for column in self._splits.values() for value in column.values or ()}
        new = sorted(values - set(listed))
        if not new:
            return
        if feature.domain:
            domain = next(
                domain for domain in self._schema.string_domain if domain.name == feature.domain
            )
        else:
            domain = feature.string_domain
        is_sorted = len(listed) > 1 and listed == sorted(listed)
        domain.value[:] = sorted([*listed, *new]) if is_sorted else [*listed, *new]

    def _widen_range(self) -> list[Mismatch]:
        feature = self._feature
        low, high = columns.value_range(feature)
        ends = [
            end
            for column in self._splits.values()
            for end in (column.minimum, column.maximum)
            if end is not None
        ]
        if not ends:
            return []
        smallest, largest = (
            columns.as_stored(feature, min(ends)),
            columns.as_stored(feature, max(ends)),
        )
        below, above = low is not None and smallest < low, high is not None and largest > high
        if not below and not above:
            return []
        shown = f"values from {smallest:g} to {largest:g}"
        if self._role == "label":
            return [
                self._mismatch(shown, f"{low:g} to {high:g}", cures.LABEL_OUT_OF_RANGE)
            ]  # fmt: skip
        if self._buckets is not None and not 0 <= smallest <= largest < self._buckets:
            return [
                self._mismatch(
                    shown, f"0 to {self._buckets - 1}, the buckets of the features file",
                    f"fix the values in the data, or set {feature.name} = {largest + 1:g} under "
                    "[buckets] in the features file, and widen int_domain in the schema",
                )
            ]  # fmt: skip
        domain = feature.float_domain if feature.type == schema_pb2.FLOAT else feature.int_domain
        if low is not None:
            domain.min = smallest if below else low
        if high is not None:
            domain.max = largest if above else high
        return []

    def _mismatch(self, actual: str, expected: str, step: str) -> Mismatch:
        return Mismatch(self._feature.name, actual, expected, step)
