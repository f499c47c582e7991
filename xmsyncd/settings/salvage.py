"""What is valid of a faulty configuration, so that one fault does not hide those of other rules."""

from __future__ import annotations

from collections.abc import Set
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from xmsyncd.settings.schema import Path, shape_of_field

_Model = TypeVar("_Model", bound=BaseModel)


def salvage(model: type[_Model], data: Any, path: Path, bad: Set[Path]) -> _Model:
    """What is valid of a section in which some paths are ``bad``; the rest are missing attributes."""
    extra = {
        key: value
        for key, value in data.items()
        if key not in model.model_fields and model.model_config.get("extra") == "allow"
    }
    section = model.model_construct(None, **extra)
    for name, info in model.model_fields.items():
        here = (*path, name)
        section.__dict__.pop(name, None)
        value = data.get(name)
        shape = shape_of_field(info)
        if value is None and (shape.is_container or name not in data):
            if not info.is_required():
                section.__dict__[name] = info.get_default(call_default_factory=True)
        elif shape.model is not None and isinstance(value, dict):
            section.__dict__[name] = salvage(shape.model, value, here, bad)
        elif shape.named is not None and shape.named.model is not None and isinstance(value, dict):
            model_of_entry = shape.named.model
            section.__dict__[name] = {
                str(key): salvage(model_of_entry, entry, (*here, key), bad)
                for key, entry in value.items()
                if isinstance(entry, dict)
            }
        elif shape.item is not None and shape.item.model is not None and isinstance(value, list):
            model_of_entry = shape.item.model
            section.__dict__[name] = [
                salvage(model_of_entry, entry if isinstance(entry, dict) else {}, (*here, i), bad)
                for i, entry in enumerate(value)
            ]
        elif not any(fault[: len(here)] == here for fault in bad):
            try:
                annotation: Any = Annotated[info.annotation, None, *info.metadata]
                adapter: TypeAdapter[Any] = TypeAdapter(annotation)
                section.__dict__[name] = adapter.validate_python(value)
            except ValidationError:
                continue
    return section
