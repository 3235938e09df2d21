"""DataGate: stops a run on what the schema and the policy forbid."""
