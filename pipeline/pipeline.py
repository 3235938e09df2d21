"""The pipeline: which components, in which order, with which settings."""

from __future__ import annotations

from typing import Any

# Not from tfx.v1, which imports Google's cloud libraries too: 3 s of each start.
from tfx import components as tfx
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, pusher_pb2, range_config_pb2, trainer_pb2
from tfx.types import Channel, standard_artifacts

from models.evaluation import eval_config
from models.features import Features
from pipeline.components.data_gate.component import DataGate
from pipeline.components.data_gate.decision import GateDecision
from pipeline.components.example_gen.executor import ArrowExampleGenExecutor, shard_size
from pipeline.components.infra_check.component import InfraCheck
from pipeline.components.pusher.component import VersionedPusher
from pipeline.components.resolvers.last_accepted import DECISIONS, LastAcceptedStrategy
from pipeline.components.resolvers.latest_blessed import BaselineStrategy
from pipeline.metadata import store
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
    tune: bool = False,
    warm_start: bool = False,
) -> Pipeline:
    """Chain the standard components from data to a published model.

    Args:
      settings: of the pipeline.
      features: what is learned from what.
      policy: what stops a run.
      data: where the rows are.
      tune: search for better training settings first.
      warm_start: go on from the latest blessed model's weights.

    Returns:
      The pipeline, for any TFX runner.
    """
    workspace = Workspace(settings.workspace, settings.name)
    train = settings.train.model_dump(mode="json")
    learned = {"features": features.model_dump(mode="json")}

    example_gen = FileBasedExampleGen(
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
        custom_executor_spec=BeamExecutorSpec(ArrowExampleGenExecutor),
    ).with_id("ExampleGen")
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    proposal = tfx.SchemaGen(statistics=statistics)
    curated = ImportSchemaGen(schema_file=str(settings.schema_file))
    schema = curated.outputs["schema"]
    validator = tfx.ExampleValidator(statistics=statistics, schema=schema)
    accepted = Resolver(
        strategy_class=LastAcceptedStrategy,
        config={"span": data.span},
        **{DECISIONS: Channel(type=GateDecision)},
    ).with_id("LastAcceptedData")
    gate = DataGate(
        examples=examples,
        statistics=statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        accepted=accepted.outputs[DECISIONS],
        policy=policy,
        label=features.label,
        inputs=features.inputs,
        span=data.span,
        serving_logs=settings.source.serving_logs,
    )
    transform = tfx.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        # Trainer and signatures run the graph themselves; its own statistics repeat StatisticsGen.
        materialize=False,
        disable_statistics=True,
        custom_config=learned,
    )
    # Nothing is learned from data that the gate refuses.
    transform.add_upstream_node(gate)
    graph = transform.outputs["transform_graph"]
    training: dict[str, Any] = {
        "examples": examples,
        "transform_graph": graph,
        "schema": schema,
        "custom_config": learned | {"train": train},
        # How long to train is a setting of the run_fn: epochs with early stopping.
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["eval"]),
    }
    components = [
        example_gen, statistics_gen, proposal, curated, validator, accepted, gate, transform,
    ]  # fmt: skip
    if tune:
        tuner = tfx.Tuner(
            tuner_fn="models.tuner.tuner_fn",
            **training
            | {"custom_config": training["custom_config"] | {"tune": settings.tune.model_dump()}},
        )
        components.append(tuner)
        training["hyperparameters"] = tuner.outputs["best_hyperparameters"]
    blessed = {
        "model": Channel(type=standard_artifacts.Model),
        "model_blessing": Channel(type=standard_artifacts.ModelBlessing),
        "infra_blessing": Channel(type=standard_artifacts.InfraBlessing),
    }
    if warm_start:
        base = Resolver(strategy_class=BaselineStrategy, **blessed).with_id("WarmStartModel")
        components.append(base)
        training["base_model"] = base.outputs["model"]
    trainer = tfx.Trainer(run_fn=settings.train.run_fn, **training)
    model = trainer.outputs["model"]
    resolver = Resolver(strategy_class=BaselineStrategy, candidate=model, **blessed).with_id(
        "LatestBlessedModel"
    )
    evaluator = tfx.Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver.outputs["model"],
        schema=schema,
        eval_config=eval_config(features, settings.evaluate.model_dump()),
        module_path="models.evaluation",
    )
    infra_check = InfraCheck(
        model=model,
        examples=examples,
        evaluation=evaluator.outputs["evaluation"],
        features=features,
        settings=settings.infra,
    )
    pusher = VersionedPusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=infra_check.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=str(workspace.model_base)
            )
        ),
        custom_config={
            "spans": {"train": data.train_spans, "eval": data.span},
            "publish": settings.publish.model_dump(),
            "code_hash": fingerprint.of_training(settings.train.run_fn),
        },
    ).with_id("Pusher")
    return Pipeline(
        pipeline_name=settings.name,
        pipeline_root=str(workspace.artifacts),
        components=[*components, trainer, resolver, evaluator, infra_check, pusher],
        enable_cache=True,
        metadata_connection_config=store.connection(settings),
    )
