"""What all sections of the configuration have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from xmsyncd.settings.schema import shape_of_field
from xmsyncd.settings.values import BLANK_IS_NONE, parse_duration

_T = TypeVar("_T")
Optional_ = Annotated[_T | None, BLANK_IS_NONE]
"""A setting that may be left out; an empty text counts as left out."""

SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)


def span(text: str) -> timedelta:
    """A duration as the default of a setting, written as in the file."""
    return parse_duration(text)


def drop_blank_sections(model: type[BaseModel], data: Any) -> Any:
    """A section or list whose entries are all commented out is ``null`` in YAML: as if it were absent."""
    if not isinstance(data, dict):
        return data
    return {
        key: value
        for key, value in data.items()
        if value is not None
        or key not in model.model_fields
        or not shape_of_field(model.model_fields[key]).is_container
    }


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, instances do not change, secrets stay hidden."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_blank_sections(cls, data: Any) -> Any:
        return drop_blank_sections(cls, data)
