"""DataGate: stop a run whose data breaks the schema or the policy."""
