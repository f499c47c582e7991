"""The component types of a Yida form, and how each is written and read (step 5).

The type is read off the component's id, which begins with the lower-camel name of its type (vendor doc);
where an id tells nothing, ``component_name`` in the field's entry says it, else the declared type decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol


class Kind(StrEnum):
    """How a component is written and read."""

    TEXT = "text"
    NUMBER = "number"
    RATE = "rate"
    OPTION = "option"
    OPTIONS = "options"
    PATH = "path"
    MEMBERS = "members"
    DATE = "date"
    DATE_RANGE = "date_range"
    COUNTRY = "country"
    ADDRESS = "address"
    IMAGES = "images"
    ATTACHMENTS = "attachments"
    LINKS = "links"
    ASSOCIATIONS = "associations"
    TABLE = "table"
    STRUCTURE = "structure"
    SERIAL = "serial"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ComponentType:
    """One type, by the name that the definitions call gives it and the one the form designer shows."""

    name: str
    kind: Kind
    chinese: str


COMPONENT_TYPES: Final[Mapping[str, ComponentType]] = {
    one.name: one
    for one in (
        ComponentType("TextField", Kind.TEXT, "单行文本"),
        ComponentType("TextareaField", Kind.TEXT, "多行文本"),
        ComponentType("EditorField", Kind.TEXT, "富文本"),
        ComponentType("DigitalSignatureField", Kind.TEXT, "手写签名"),
        ComponentType("NumberField", Kind.NUMBER, "数值"),
        ComponentType("RateField", Kind.RATE, "评分"),
        ComponentType("RadioField", Kind.OPTION, "单选"),
        ComponentType("SelectField", Kind.OPTION, "下拉单选"),
        ComponentType("CheckboxField", Kind.OPTIONS, "复选"),
        ComponentType("MultiSelectField", Kind.OPTIONS, "下拉复选"),
        ComponentType("CascadeSelectField", Kind.PATH, "级联选择"),
        ComponentType("CitySelectField", Kind.PATH, "城市选择"),
        ComponentType("EmployeeField", Kind.MEMBERS, "成员"),
        ComponentType("DepartmentSelectField", Kind.MEMBERS, "部门"),
        ComponentType("CountrySelectField", Kind.COUNTRY, "国家(地区)"),
        ComponentType("DateField", Kind.DATE, "日期"),
        ComponentType("CascadeDateField", Kind.DATE_RANGE, "日期区间"),
        ComponentType("AddressField", Kind.ADDRESS, "地址"),
        ComponentType("ImageField", Kind.IMAGES, "图片上传"),
        ComponentType("AttachmentField", Kind.ATTACHMENTS, "附件"),
        ComponentType("LinkField", Kind.LINKS, "超链接"),  # its name is inferred
        ComponentType("AssociationFormField", Kind.ASSOCIATIONS, "关联表单"),
        ComponentType("TableField", Kind.TABLE, "子表单"),
        ComponentType("SerialNumberField", Kind.SERIAL, "流水号"),
    )
}

KIND_BY_PREFIX: Final[Mapping[str, Kind]] = {name.lower(): one.kind for name, one in COMPONENT_TYPES.items()}

KIND_BY_DECLARED_TYPE: Final[Mapping[str, Kind]] = {
    "string": Kind.TEXT,
    "int": Kind.NUMBER,
    "float": Kind.NUMBER,
    "object": Kind.STRUCTURE,
    "array": Kind.STRUCTURE,
}

_SEARCHABLE_AS_TEXT: Final[Mapping[str, str]] = {"textfield": "TextField", "textareafield": "TextareaField"}


def kind_of(component_id: str, declared_type: str = "") -> Kind:
    """The kind that the id (or the name of a type) tells, else that of the declared type, else OTHER."""
    kind = KIND_BY_PREFIX.get(_prefix(component_id))
    return kind if kind is not None else KIND_BY_DECLARED_TYPE.get(declared_type, Kind.OTHER)


def search_component_name(component_id: str) -> str | None:
    """``TextField`` or ``TextareaField``; None where the id does not name a component searchable as text."""
    return _SEARCHABLE_AS_TEXT.get(_prefix(component_id))


def type_words(name: str) -> str:
    """The name of a type with the designer's word beside it, where that is known."""
    known = COMPONENT_TYPES.get(name)
    return f"{name} ({known.chinese})" if known else name or "a component of unknown type"


@dataclass(frozen=True, slots=True)
class Shape:
    """How one component is read; ``columns`` are those of a table, by id, where the mapping names them."""

    kind: Kind
    columns: Mapping[str, Shape] = field(default_factory=dict)
    by_id: bool = False
    """Whether a choice is read from ``<id>_id``, where the value of an option stands, not its text."""


class Entry(Protocol):
    """What an entry of ``fields`` tells of its component."""

    @property
    def field(self) -> str:
        """The id."""

    @property
    def component_name(self) -> str | None:
        """The type, where the id does not tell it."""


def shape_of(
    component_id: str,
    component_name: str | None = None,
    columns: Iterable[Entry] = (),
    *,
    option_values: bool = False,
) -> Shape:
    """The shape of one component; ``component_name`` wins over what the id tells.

    ``option_values``: options are written by their values, and read as such.
    """
    kind = kind_of(component_name or component_id)
    return Shape(
        kind,
        {
            one.field: shape_of(one.field, one.component_name, option_values=option_values)
            for one in columns
            if one.field
        },
        by_id=option_values and kind in (Kind.OPTION, Kind.OPTIONS),
    )


def _prefix(component_id: str) -> str:
    return component_id.partition("_")[0].lower()
