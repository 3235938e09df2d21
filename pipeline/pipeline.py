"""The pipeline: its components, their order and their settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Not from tfx.v1, because that imports Google's cloud libraries too: 3 s of each start.
from tfx import components as tfx
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, range_config_pb2, trainer_pb2
from tfx.types import Channel, standard_artifacts

from models.features import Features
from pipeline.components import names
from pipeline.components.data_gate.component import DataGate
from pipeline.components.data_gate.decision import GateDecision
from pipeline.components.evaluator import configuration
from pipeline.components.example_gen.component import ExampleGen
from pipeline.components.example_gen.executor import shard_size
from pipeline.components.infra_check.component import InfraCheck
from pipeline.components.pusher.component import VersionedPusher
from pipeline.components.resolvers.last_accepted import DECISIONS, LastAcceptedStrategy
from pipeline.components.resolvers.latest_blessed import BaselineStrategy
from pipeline.components.schema_gen.curated import CuratedSchemaExecutor
from pipeline.metadata import store as metadata
from pipeline.orchestration import fingerprint
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout
from pipeline.workspace import Workspace
from schema.policy import Policy

SPLITS = ("train", "eval")


def create_pipeline(
    settings: Settings,
    features: Features,
    policy: Policy,
    data: Layout,
    variant: names.Variant = "plain",
    compare: bool = True,
) -> Pipeline:
    """Chain the components from data to a published model.

    Args:
      settings: settings of the pipeline.
      features: label and features of the model.
      policy: policy that states which findings stop the run.
      data: folders of the spans.
      variant: `plain`, `tune` to search for hyperparameters first, or `warm-start` to start from
        the latest blessed model's weights; default `plain`.
      compare: whether the candidate is compared with the latest blessed model; default True.

    Returns:
      The pipeline, for any TFX runner.

    Example:
      >>> project = files.load(settings)
      >>> pipeline = create_pipeline(settings, project.features, project.policy, layout)
      >>> LocalDagRunner().run(pipeline)
    """
    rows = _rows(settings, features, policy, data)
    training = _training(settings, features, rows, variant)
    model = training[-1].outputs["model"]
    return Pipeline(
        pipeline_name=settings.name,
        pipeline_root=str(Workspace(settings.workspace, settings.name).artifacts),
        components=[
            *rows.nodes,
            *training,
            *_evaluation_and_push(settings, features, data, rows, model, compare),
        ],
        enable_cache=True,
        metadata_connection_config=metadata.connection(settings),
    )


@dataclass(frozen=True)
class _Rows:
    """The nodes up to Transform, and the outputs that later nodes read."""

    nodes: tuple[BaseNode, ...]
    examples: Channel
    schema: Channel
    transform_graph: Channel


def _rows(settings: Settings, features: Features, policy: Policy, data: Layout) -> _Rows:
    example_gen = _example_gen(settings, data)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    proposal = tfx.SchemaGen(statistics=statistics)
    curated = ImportSchemaGen(schema_file=str(settings.schema_file))
    curated.executor_spec = ExecutorClassSpec(CuratedSchemaExecutor)
    schema = curated.outputs["schema"]
    validator = tfx.ExampleValidator(statistics=statistics, schema=schema)
    accepted = Resolver(
        strategy_class=LastAcceptedStrategy,
        config={"span": data.span, "data": data.one_span_of},
        **{DECISIONS: Channel(type=GateDecision)},
    ).with_id(names.LAST_ACCEPTED_DATA)
    gate = DataGate(
        examples=examples,
        statistics=statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        accepted=accepted.outputs[DECISIONS],
        policy=policy,
        features=features,
        span=data.span,
        data=data.one_span_of,
        serving_logs=settings.source.serving_logs,
        time_zone=settings.source.time_zone,
        time_format=settings.source.time_format
        if policy.limits.event_time == settings.source.time_column
        else None,
    )
    transform = tfx.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=settings.transform.preprocessing_fn,
        # Trainer and signatures run the graph themselves, and StatisticsGen has the statistics.
        materialize=False,
        disable_statistics=True,
        custom_config=_features_config(features),
    )
    # No model may be trained on data that the gate refuses.
    transform.add_upstream_node(gate)
    return _Rows(
        nodes=(
            example_gen, statistics_gen, proposal, curated, validator, accepted, gate, transform,
        ),
        examples=examples,
        schema=schema,
        transform_graph=transform.outputs["transform_graph"],
    )  # fmt: skip


def _example_gen(settings: Settings, data: Layout) -> BaseNode:
    return ExampleGen(
        input_base=str(data.base),
        input_config=example_gen_pb2.Input(
            splits=[
                example_gen_pb2.Input.Split(name=split, pattern=f"{{SPAN}}/{split}/*.parquet")
                for split in SPLITS
            ]
        ),
        range_config=range_config_pb2.RangeConfig(
            static_range=range_config_pb2.StaticRange(
                start_span_number=data.span, end_span_number=data.span
            )
        ),
        custom_config=shard_size(settings.beam.shard_mb),
    ).with_id(names.EXAMPLE_GEN)


def _training(
    settings: Settings, features: Features, rows: _Rows, variant: names.Variant
) -> list[BaseNode]:
    """Return the nodes that train, the Trainer last."""
    config = _features_config(features) | {"train": settings.train.model_dump(mode="json")}
    inputs: dict[str, Any] = {
        "examples": rows.examples,
        "transform_graph": rows.transform_graph,
        "schema": rows.schema,
        # The run_fn decides how long to train: epochs with early stopping.
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
    }
    if variant == "tune":
        tuner = tfx.Tuner(
            tuner_fn=settings.tune.tuner_fn,
            custom_config=config | {"tune": settings.tune.model_dump()},
            **inputs,
        )
        first: list[BaseNode] = [tuner]
        inputs["hyperparameters"] = tuner.outputs["best_hyperparameters"]
    elif variant == "warm-start":
        base = Resolver(strategy_class=BaselineStrategy, **_blessed_models()).with_id(
            names.WARM_START_MODEL
        )
        first = [base]
        inputs["base_model"] = base.outputs["model"]
    else:
        first = []
    return [*first, tfx.Trainer(run_fn=settings.train.run_fn, custom_config=config, **inputs)]


def _evaluation_and_push(
    settings: Settings,
    features: Features,
    data: Layout,
    rows: _Rows,
    model: Channel,
    compare: bool,
) -> list[BaseNode]:
    baseline = Resolver(
        strategy_class=BaselineStrategy,
        config={"compare": int(compare)},
        candidate=model,
        **_blessed_models(),
    ).with_id(names.LATEST_BLESSED_MODEL)
    evaluator = tfx.Evaluator(
        examples=rows.examples,
        model=model,
        baseline_model=baseline.outputs["model"],
        schema=rows.schema,
        eval_config=configuration.build(features, settings.evaluate),
        module_path="models.evaluation",
    )
    infra_check = InfraCheck(
        model=model,
        examples=rows.examples,
        evaluation=evaluator.outputs["evaluation"],
        features=features,
        settings=settings.infra,
    )
    base = Workspace(settings.workspace, settings.name).model_base
    pusher = VersionedPusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_check.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(base))
        ),
        custom_config={
            "spans": {"train": data.train_spans, "eval": data.span},
            "publish": settings.publish.model_dump(),
            "code_hash": fingerprint.training_hash(settings),
            "columns": [features.label, *features.inputs],
            "no_baseline": not compare,
        },
    ).with_id(names.PUSHER)
    return [baseline, evaluator, infra_check, pusher]


def _features_config(features: Features) -> dict[str, Any]:
    return {"features": features.model_dump(mode="json")}


def _blessed_models() -> dict[str, Channel]:
    """Return channels of all models and blessings of the pipeline's history."""
    return {
        "model": Channel(type=standard_artifacts.Model),
        "model_blessing": Channel(type=standard_artifacts.ModelBlessing),
        "infra_blessing": Channel(type=standard_artifacts.InfraBlessing),
    }
