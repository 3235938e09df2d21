"""What all sections of the settings share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class Frozen(BaseModel):
    """A value that cannot change and refuses unknown keys."""

    # Names such as model_id are ours, not pydantic's.
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
