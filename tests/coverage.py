"""What is not traced for coverage."""

from __future__ import annotations

from collections.abc import Mapping

# Where coverage's own `patch = ["subprocess"]` says it to processes.
VARIABLE = "COVERAGE_PROCESS_CONFIG"


def untraced(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that ends before it would save what was traced."""
    return {name: value for name, value in environment.items() if name != VARIABLE}
