"""Check that the Evaluator can call a candidate, before it tries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from models import requests
from serving.validation.inputs import DEFAULT
from serving.validation.signatures import Tensor, read, score_output


def problems(model: Path, columns: Collection[str], one_score: bool = True) -> Iterator[str]:
    """List why the Evaluator cannot call a model.

    Args:
      model: folder of the SavedModel.
      columns: columns of the data.
      one_score: whether the metrics read one score for every row; default True.

    Yields:
      One sentence for every reason.
    """
    try:
        signatures = read(model)
    except ValueError as error:
        yield str(error)
        return
    if DEFAULT not in signatures:
        names = ", ".join(sorted(signatures)) or "no signatures"
        yield f"signature {DEFAULT} is missing; the model has {names}"
        return
    inputs, outputs = signatures[DEFAULT]
    types = {name: tensor.dtype for name, tensor in inputs.items()}
    if requests.examples_input(DEFAULT, types, columns) is None:
        unknown = sorted(inputs.keys() - set(columns))
        if unknown:
            yield (
                f"{DEFAULT} reads {_list(unknown)}; expected one input of serialized examples, or "
                "columns of the data before Transform"
            )
        elif not inputs:
            yield f"{DEFAULT} has no input; expected one of serialized examples"
    if one_score:
        yield from _score_problems(outputs)


def _score_problems(outputs: Mapping[str, Tensor]) -> Iterator[str]:
    name = score_output(outputs)
    if name is None:
        yield (
            f"{DEFAULT} returns {_list(sorted(outputs)) or 'nothing'}; expected one output, or one "
            "called scores"
        )
        return
    shape = outputs[name].shape or ()
    if any(size not in (None, 1) for size in shape[1:]):
        sizes = ", ".join("rows" if size is None else str(size) for size in shape)
        yield f"{DEFAULT} returns {name} of shape [{sizes}]; expected one score for every row"


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown
