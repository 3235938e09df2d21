"""What all sections share: the frozen model, and explanations of its validation errors."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]

_DOTTED_PATH = r"^[^\W\d]\w*(\.[^\W\d]\w*)+$"


def _dotted_path(value: str) -> str:
    if not re.match(_DOTTED_PATH, value):
        raise ValueError("expected package.module.name")
    return value


# The import path of an object in Python code.
DottedPath = Annotated[
    str,
    AfterValidator(_dotted_path),
    WithJsonSchema({"type": "string", "pattern": _DOTTED_PATH}),
]


class Frozen(BaseModel):
    """A value that cannot change and refuses unknown keys."""

    # Names such as model_id are ours, not pydantic's.
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe wrong values by their keys, unknown keys with the nearest valid key.

    Args:
      error: what pydantic raised.
      model: model that the values were validated with.

    Returns:
      One clause per wrong value, separated by semicolons.
    """
    return "; ".join(_explain(dict(details), model) for details in error.errors())


def _explain(details: dict[str, Any], model: type[BaseModel]) -> str:
    path = [str(part) for part in details["loc"]]
    if details["type"] != "extra_forbidden":
        message = details["msg"].removeprefix("Value error, ")
        return f"{'.'.join(path)}: {message} (got {details['input']!r})"
    keys = _keys(path[:-1], model)
    nearest = difflib.get_close_matches(path[-1], keys, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"valid keys: {', '.join(keys)}"
    return f"unknown key {'.'.join(path)}; {hint}"


def _keys(section: list[str], model: Any) -> list[str]:
    for name in section:
        if get_origin(model) is dict:
            model = get_args(model)[1]
        elif get_origin(model) is tuple:  # the name is a position
            model = get_args(model)[0]
        else:
            model = model.model_fields[name].annotation
    return list(model.model_fields)
