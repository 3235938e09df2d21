"""Environments of the schema: data for training, and requests."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

TRAINING, SERVING = "TRAINING", "SERVING"


def all_of(schema: schema_pb2.Schema) -> set[str]:
    """Return the names of a schema's environments; `TRAINING` and `SERVING` are among them.

    Args:
      schema: curated schema.
    """
    return {*schema.default_environment, TRAINING, SERVING}


def is_expected(feature: schema_pb2.Feature, schema: schema_pb2.Schema, environment: str) -> bool:
    """Return whether rows of an environment have a column.

    Args:
      feature: column of the schema.
      schema: curated schema.
      environment: name of the environment.
    """
    if environment in feature.not_in_environment:
        return False
    defaults = schema.default_environment
    return not defaults or environment in {*defaults, *feature.in_environment}
