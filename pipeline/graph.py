"""The pipeline: which components, in which order, with which settings."""

from __future__ import annotations

from typing import Any

from tfx import v1 as tfx
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2

from models.evaluation import eval_config
from models.features import Features
from pipeline.baseline import BaselineStrategy
from pipeline.example_gen import ArrowExampleGenExecutor
from pipeline.publisher import VersionedPusherExecutor
from pipeline.settings import Settings
from pipeline.sources.layout import Layout
from pipeline.workspace import Workspace

SPLITS = ("train", "eval")


def create_pipeline(
    settings: Settings, features: Features, data: Layout, tune: bool = False
) -> tfx.dsl.Pipeline:
    """Chain the standard components from data to a published model.

    Args:
      settings: of the pipeline.
      features: what is learned from what.
      data: where the rows are.
      tune: search for better training settings first.

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
        custom_executor_spec=executor_spec.BeamExecutorSpec(ArrowExampleGenExecutor),
    ).with_id("ExampleGen")
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    proposal = tfx.components.SchemaGen(statistics=statistics)
    curated = tfx.components.ImportSchemaGen(schema_file=str(settings.schema_file))
    schema = curated.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="models.preprocessing.preprocessing_fn",
        # Trainer and signatures run the graph themselves; its own statistics repeat StatisticsGen.
        materialize=False,
        disable_statistics=True,
        custom_config=learned,
    )
    graph = transform.outputs["transform_graph"]
    training: dict[str, Any] = {
        "examples": examples,
        "transform_graph": graph,
        "schema": schema,
        "custom_config": learned | {"train": train},
        # How long to train is a setting of the run_fn: epochs with early stopping.
        "train_args": tfx.proto.TrainArgs(splits=["train"]),
        "eval_args": tfx.proto.EvalArgs(splits=["eval"]),
    }
    components = [
        example_gen, statistics_gen, proposal, curated, validator, transform,
    ]  # fmt: skip
    if tune:
        tuner = tfx.components.Tuner(
            tuner_fn="models.tuner.tuner_fn",
            **training
            | {"custom_config": training["custom_config"] | {"tune": settings.tune.model_dump()}},
        )
        components.append(tuner)
        training["hyperparameters"] = tuner.outputs["best_hyperparameters"]
    trainer = tfx.components.Trainer(run_fn=settings.train.run_fn, **training)
    model = trainer.outputs["model"]
    resolver = tfx.dsl.Resolver(
        strategy_class=BaselineStrategy,
        candidate=model,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver.outputs["model"],
        schema=schema,
        eval_config=eval_config(features, settings.evaluate.model_dump()),
        module_path="models.evaluation",
    )
    pusher = tfx.components.Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(
                base_directory=str(workspace.model_base)
            )
        ),
        custom_executor_spec=executor_spec.ExecutorClassSpec(VersionedPusherExecutor),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=settings.name,
        pipeline_root=str(workspace.artifacts),
        components=[*components, trainer, resolver, evaluator, pusher],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(workspace.metadata_db)
        ),
    )
