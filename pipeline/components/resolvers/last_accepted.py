"""Resolve the accepted data that a span is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.dsl.components.common import resolver

DECISIONS = "accepted"
# Custom property of a decision: hash of the rows if they have no time.
DATA = "data"


class LastAcceptedStrategy(resolver.ResolverStrategy):
    """Resolve DataGate's decision on the newest earlier span that passed.

    All data without a time has the same span. Its earlier data is the newest other data that
    passed, so that a repeated run does not compare data with itself.

    Args:
      span: number of the span that the run examines.
      data: hash of the span's rows if they have no time; default "".
    """

    def __init__(self, span: int, data: str = "") -> None:
        self._span = span
        self._data = data

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
            if artifact.passed == 1 and self._is_earlier(artifact) and Path(artifact.uri).exists()
        ]
        newest = sorted(earlier, key=lambda artifact: (artifact.span, artifact.id))[-1:]
        return {DECISIONS: newest}

    def _is_earlier(self, decision: Any) -> bool:
        data = decision.get_string_custom_property(DATA)
        if self._data or data:
            return bool(self._data and data and data != self._data)
        return bool(decision.span < self._span)
