"""What the server answers instead of a result, in TF Serving's codes and words."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """gRPC's status codes, with which TF Serving answers over REST too."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(Exception):
    """Say why there is no result.

    Args:
      code: gRPC's.
      message: TF Serving's.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> ServingError:
    """Return the error for a request that cannot be answered as it is."""
    return ServingError(Code.INVALID_ARGUMENT, message)
