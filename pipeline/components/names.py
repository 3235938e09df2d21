"""Ids of the pipeline's nodes, and variants of the pipeline; imports nothing of ours."""

from typing import Literal

Variant = Literal["plain", "tune", "warm-start"]

EXAMPLE_GEN = "ExampleGen"
IMPORT_SCHEMA_GEN = "ImportSchemaGen"
LAST_ACCEPTED_DATA = "LastAcceptedData"
STATISTICS_GEN = "StatisticsGen"
EXAMPLE_VALIDATOR = "ExampleValidator"
SCHEMA_GEN = "SchemaGen"
DATA_GATE = "DataGate"
TRANSFORM = "Transform"
TUNER = "Tuner"
WARM_START_MODEL = "WarmStartModel"
TRAINER = "Trainer"
LATEST_BLESSED_MODEL = "LatestBlessedModel"
EVALUATOR = "Evaluator"
INFRA_CHECK = "InfraCheck"
PUSHER = "Pusher"
