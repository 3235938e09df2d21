"""Every error of an export.

ExportError
 ├─ NotConvertible  the signature uses operations that ONNX does not have
 ├─ Disagrees       ONNX Runtime's answers differ from TensorFlow's
 └─ Taken           the folder contains another export
"""

from __future__ import annotations


class ExportError(Exception):
    """An error of an export: the problem and the next step.

    Args:
      what: problem, with the path that has it.
      next_step: next step, as an imperative.
    """

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}; {next_step}")
        self.what = what
        self.next_step = next_step


class NotConvertible(ExportError):
    """The signature uses operations that ONNX does not have; nothing is written."""


class Disagrees(ExportError):
    """ONNX Runtime's answers differ from TensorFlow's; nothing is written."""


class Taken(ExportError):
    """The folder contains another export; nothing is written."""
