"""Resolve the accepted data that a span is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.common import resolver

DECISIONS = "accepted"


class LastAcceptedStrategy(resolver.ResolverStrategy):
    """Resolve DataGate's decision on the newest earlier span that passed.

    Args:
      span: number of the span that the run examines.
    """

    def __init__(self, span: int) -> None:
        self._span = span

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """Resolve the decision.

        Args:
          store: ML Metadata store; not used.
          input_dict: all decisions under the key `accepted`.

        Returns:
          The same key with at most one decision.
        """
        earlier = [
            artifact
            for artifact in input_dict[DECISIONS]
            if artifact.passed == 1 and artifact.span < self._span and Path(artifact.uri).exists()
        ]
        newest = sorted(earlier, key=lambda artifact: (artifact.span, artifact.id))[-1:]
        return {DECISIONS: newest}
