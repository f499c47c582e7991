"""Walking the models: what stands at a path such as ``pipelines.products.target.key``.

Environment names, translated faults and the generated reference all ask here, so that none of them
keeps a list of settings of its own.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

Path = tuple[str | int, ...]
"""Keys, names and list positions from the root of the configuration."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a setting may hold: the bare type, what stood around it, and whether it may be unset."""

    base: Any
    metadata: tuple[Any, ...] = ()
    optional: bool = False
    field: FieldInfo | None = None

    @property
    def model(self) -> type[BaseModel] | None:
        """The section, where this is one."""
        return self.base if isinstance(self.base, type) and issubclass(self.base, BaseModel) else None

    @property
    def named(self) -> Shape | None:
        """What each entry is, where this is a mapping by name."""
        return shape_of(get_args(self.base)[1]) if get_origin(self.base) is dict else None

    @property
    def item(self) -> Shape | None:
        """What each entry is, where this is a list."""
        return shape_of(get_args(self.base)[0]) if get_origin(self.base) is list else None

    @property
    def is_container(self) -> bool:
        return self.model is not None or get_origin(self.base) in (dict, list)

    @property
    def is_secret(self) -> bool:
        return self.base is SecretStr

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a literal type."""
        return get_args(self.base) if get_origin(self.base) is Literal else ()

    def child(self, key: str | int) -> Shape | None:
        """What stands under a key, a name or a list position; ``None`` where nothing may."""
        if self.model is not None:
            field = self.model.model_fields.get(str(key))
            return shape_of_field(field) if field else None
        return self.item if isinstance(key, int) else self.named


def shape_of(annotation: Any) -> Shape:
    """Take a type out of its ``Annotated`` and ``Optional`` wrappings."""
    metadata: tuple[Any, ...] = ()
    optional = False
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *around = get_args(annotation)
            metadata = (*_flat(around), *metadata)
        elif origin in (Union, types.UnionType):
            (annotation,) = (entry for entry in get_args(annotation) if entry is not type(None))
            optional = True
        else:
            return Shape(annotation, metadata, optional)


def _flat(metadata: list[Any]) -> Iterator[Any]:
    for entry in metadata:
        if isinstance(entry, FieldInfo):
            yield from entry.metadata
        else:
            yield entry


def shape_of_field(field: FieldInfo) -> Shape:
    """The shape of a model's field, its constraints included."""
    shape = shape_of(field.annotation)
    return Shape(shape.base, (*shape.metadata, *field.metadata), shape.optional, field)


def shape_at(root: type[BaseModel], path: Path) -> Shape | None:
    """What stands at a path, ``None`` where the path leads nowhere."""
    shape: Shape | None = Shape(root)
    for key in path:
        shape = shape.child(key) if shape else None
    return shape


def settings_under(
    root: type[BaseModel], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Every setting that is not a section, with its path; ``<name>`` and ``[]`` stand for any entry."""
    for name, field in root.model_fields.items():
        yield from _leaves((*prefix, name), shape_of_field(field))


def _leaves(path: tuple[str, ...], shape: Shape) -> Iterator[tuple[tuple[str, ...], Shape]]:
    if shape.model is not None:
        yield from settings_under(shape.model, path)
    elif shape.named is not None and shape.named.is_container:
        yield from _leaves((*path, "<name>"), shape.named)
    elif shape.item is not None and shape.item.is_container:
        yield from _leaves((*path, "[]"), shape.item)
    else:
        yield path, shape


def path_text(path: Path) -> str:
    """``pipelines.products.fields[3].value``"""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def shown_key(key: str) -> str:
    """A key that no setting has, as a message shows it: up to where it stops to look like one.

    Where a colon or a blank is missing, the value is a part of the key: ``client_secret=…``.
    """
    match = re.search(r"[^\w-]", key)
    return f"{key[: match.start()]}…" if match else key
