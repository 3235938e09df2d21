"""InfraCheck: serves the candidate and calls it before it is published."""
