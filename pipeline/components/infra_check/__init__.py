"""InfraCheck: serve the candidate and call it before it is published."""
