"""Errors that the server returns, with TensorFlow Serving's codes and texts."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """gRPC's status codes, which TensorFlow Serving also uses over REST."""

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
    """The error that a request gets instead of a result.

    Args:
      code: gRPC's status code.
      message: TensorFlow Serving's text.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> ServingError:
    """Return the error for an invalid request.

    Args:
      message: TensorFlow Serving's text.
    """
    return ServingError(Code.INVALID_ARGUMENT, message)
