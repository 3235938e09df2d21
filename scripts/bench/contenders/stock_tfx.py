"""Contender: the same chain of stock TFX components with their default options."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "0"

import pyarrow.parquet as pq
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx
from tfx.orchestration.portable import launcher

from models import features as features_module
from pipeline.components.evaluator import results
from pipeline.settings.train import TrainSettings
from scripts.bench.measure import Recorder


def main(data: Path, scratch: Path) -> None:
    """Run the chain on the CSV files with TFX's own runner.

    Args:
      data: folder of the rows.
      scratch: folder for artifacts, metadata and the measurements.
    """
    recorder = Recorder()
    _measure_components(recorder)
    rows = pq.read_metadata(data / "parquet" / "1.parquet").num_rows
    tfx.orchestration.LocalDagRunner().run(_pipeline(data, scratch, rows))
    [folder] = (scratch / "artifacts" / "Evaluator" / "evaluation").iterdir()
    recorder.save(
        scratch / "measured.json", results.load(str(folder)).candidate[results.OVERALL]["auc"]
    )


def _measure_components(recorder: Recorder) -> None:
    launch = launcher.Launcher.launch

    def measured(self: launcher.Launcher) -> Any:
        with recorder.part(self._pipeline_node.node_info.id):
            return launch(self)

    launcher.Launcher.launch = measured


def _pipeline(data: Path, scratch: Path, rows: int) -> tfx.dsl.Pipeline:
    features = features_module.load(Path("models/flights.toml"))
    settings = TrainSettings()
    config = {"features": features.model_dump(mode="json")}
    split = tfx.proto.Input.Split
    example_gen = tfx.components.CsvExampleGen(
        input_base=str(data / "csv"),
        input_config=tfx.proto.Input(
            splits=[
                split(name="train", pattern="train/*"),
                split(name="eval", pattern="eval/*"),
            ]
        ),
    )
    examples = example_gen.outputs["examples"]
    statistics = tfx.components.StatisticsGen(examples=examples)
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"])
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema.outputs["schema"],
        preprocessing_fn="scripts.bench.contenders.stock_module.preprocessing_fn",
        custom_config=config,
    )
    trainer = tfx.components.Trainer(
        run_fn="scripts.bench.contenders.stock_module.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema.outputs["schema"],
        train_args=tfx.proto.TrainArgs(num_steps=max(1, rows // settings.batch_size)),
        eval_args=tfx.proto.EvalArgs(num_steps=10),
        custom_config=config | {"train": settings.model_dump(mode="json")},
    )
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        eval_config=_eval_config(features),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(scratch / "pushed"))
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="stock",
        pipeline_root=str(scratch / "artifacts"),
        components=[
            example_gen, statistics, schema, validator, transform, trainer, resolver, evaluator,
            pusher,
        ],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(scratch / "metadata.db")
        ),
    )  # fmt: skip


def _eval_config(features: features_module.Features) -> config_pb2.EvalConfig:
    bound = config_pb2.MetricThreshold(
        value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": 0.0})
    )
    overall = config_pb2.PerSliceMetricThreshold(
        slicing_specs=[config_pb2.SlicingSpec()], threshold=bound
    )
    names = ("ExampleCount", "Calibration", "Precision", "Recall")
    metrics = [config_pb2.MetricConfig(class_name=name) for name in names]
    metrics.append(config_pb2.MetricConfig(class_name="AUC", per_slice_thresholds=[overall]))
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name="serving_default", label_key=features.label, model_type="tf_generic"
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[name]) for name in features.slices),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
