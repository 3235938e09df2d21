"""The files of a user's project: features, schema, policy and code."""
