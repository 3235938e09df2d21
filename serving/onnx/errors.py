"""Why a model was not exported.

ExportError
 ├─ NotConvertible  the signature has what ONNX does not
 ├─ Disagrees       ONNX Runtime answers other than TensorFlow
 └─ Taken           the folder holds another export
"""

from __future__ import annotations


class ExportError(Exception):
    """Say what is wrong, and what to do next.

    Args:
      what: is wrong, and where.
      next_step: what to do now.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}; {next_step}")
        self.what = what
        self.next_step = next_step


class NotConvertible(ExportError):
    """The signature has what ONNX does not; nothing is written."""


class Disagrees(ExportError):
    """ONNX Runtime answers other than TensorFlow; nothing is written."""


class Taken(ExportError):
    """The folder holds another export; nothing is written."""
