"""Component values: what a write must hold, and what Yida shows turned back into that (step 5).

Shapes follow the vendor's pages on form data, not verified on a tenant; ``docs/components.md`` has an example
of each:

===================  ==================================  ============================================
kind                 written as                          read back as
===================  ==================================  ============================================
text, option         text                                text (an option's display text)
number, rate         JSON number                         number, and as text under ``<id>_value``
options              list of text                        list, or its JSON text
path, members        list of text                        names; what was written under ``<id>_id``
country              ``[{"value": code}]``               its name; the code under ``<id>_id``
date                 epoch milliseconds                  number
date range           two texts of epoch milliseconds     not documented: list, or its JSON text
images, attachments  list of file objects                JSON text
address              object                              JSON text
links, associations  list of objects                     not documented: list, or its JSON text
table                list of rows by column id           rows, each value as above
other                as it is                            as it is
===================  ==================================  ============================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from xmsyncd.records import Content
from xmsyncd.transform.rows import MAX_ROWS
from xmsyncd.transform.value_types import is_empty, shortened, text_of
from xmsyncd.yida import structures
from xmsyncd.yida.kinds import Kind, Shape, kind_of, shape_of
from xmsyncd.yida.numbers import number_of, whole_number_of

_TEXTS: Final = frozenset({Kind.TEXT, Kind.OPTION, Kind.SERIAL})
_WITH_IDS: Final = frozenset({Kind.PATH, Kind.MEMBERS, Kind.COUNTRY, Kind.ASSOCIATIONS})
_WITH_VALUES: Final = frozenset({Kind.NUMBER, Kind.RATE, Kind.DATE})


class Encoder:
    """Writes the components of one mapping; ``shapes`` where the mapping says more than the ids do."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._kinds = {name: shape.kind for name, shape in shapes.items()}
        for shape in shapes.values():
            self._kinds.update({name: column.kind for name, column in shape.columns.items()})
        self._tables = frozenset(name for name, shape in shapes.items() if shape.columns)

    def writes_text(self, component_id: str, declared_type: str) -> bool:
        """Whether the component is written as the very text that it gets."""
        kind = self._kinds.get(component_id, Kind.OTHER)
        return (kind_of(component_id, declared_type) if kind is Kind.OTHER else kind) is Kind.TEXT

    def __call__(self, component_id: str, declared_type: str, value: Any) -> Any:
        """As :func:`encode`; the cells of a table with named columns are written already."""
        if component_id in self._tables:
            return [row for row in map(_filled, value) if row]
        kind = self._kinds.get(component_id, Kind.OTHER)
        if kind is Kind.OTHER:
            return encode(component_id, declared_type, value)
        return _encode(kind, kind, value)


def encode(component_id: str, declared_type: str, value: Any) -> Any:
    """The value in the form in which this component is written.

    Nothing (None, blank text, an empty list or object) becomes the component's own nothing: "" for text, an
    option and unknown components, an empty list where lists are written, None for numbers, dates and
    addresses (how Yida takes None on an update is not documented). Booleans are ``true`` and ``false`` in
    text. Raises ValueError whose text says what the component expects.
    """
    return _encode(kind_of(component_id, declared_type), kind_of(component_id), value)


def _encode(kind: Kind, told: Kind, value: Any) -> Any:
    """``told``: the kind of the component itself, which decides what nothing is."""
    if kind is Kind.SERIAL:
        raise ValueError("no value: Yida itself generates serial numbers")
    if kind is Kind.OPTION:
        found = structures.from_json(value)
        if isinstance(found, (list, Mapping)) and found:
            raise ValueError("one option, as text")
        return structures.option(text_of(value))
    if kind is Kind.TEXT:
        return text_of(value)
    if is_empty(value):
        return empty_of(told)
    return _written(kind, value)


def empty_of(kind: Kind) -> Any:
    """What a write holds for nothing."""
    match kind:
        case Kind.TEXT | Kind.OPTION | Kind.SERIAL | Kind.OTHER:
            return ""
        case Kind.NUMBER | Kind.RATE | Kind.DATE | Kind.ADDRESS | Kind.STRUCTURE:
            return None
        case (
            Kind.OPTIONS | Kind.PATH | Kind.MEMBERS | Kind.DATE_RANGE | Kind.COUNTRY | Kind.IMAGES
            | Kind.ATTACHMENTS | Kind.LINKS | Kind.ASSOCIATIONS | Kind.TABLE
        ):  # fmt: skip
            return []
        case _:
            assert_never(kind)


def normalise(shapes: Mapping[str, Shape], data: Mapping[str, Any]) -> Content:
    """What a write would have held for Yida to show ``data``, for these components only.

    Missing and null are the component's nothing. Never raises: what cannot be read stays as it is shown, so
    that it differs from what was sent. A component of unknown kind is taken as shown.
    """
    return {component_id: _shown(component_id, shape, data) for component_id, shape in shapes.items()}


def _written(kind: Kind, value: Any) -> Any:
    match kind:
        case Kind.NUMBER:
            return number_of(value)
        case Kind.RATE:
            return whole_number_of(value)
        case Kind.OPTIONS:
            return structures.options(value)
        case Kind.PATH:
            return structures.path(value)
        case Kind.MEMBERS:
            return structures.members(value)
        case Kind.DATE:
            return structures.moment(value)
        case Kind.DATE_RANGE:
            return structures.period(value)
        case Kind.COUNTRY:
            return structures.country(value)
        case Kind.ADDRESS:
            return structures.address(value)
        case Kind.IMAGES:
            return structures.images(value)
        case Kind.ATTACHMENTS:
            return structures.attachments(value)
        case Kind.LINKS:
            return structures.links(value)
        case Kind.ASSOCIATIONS:
            return structures.associations(value)
        case Kind.TABLE:
            return [row for row in map(_row, _rows(value)) if row]
        case Kind.STRUCTURE:
            found = structures.from_json(value)
            if not isinstance(found, (list, tuple, Mapping)):
                raise ValueError("a list or an object, or its JSON text")
            return found
        case Kind.TEXT | Kind.OPTION | Kind.SERIAL | Kind.OTHER:
            return value
        case _:
            assert_never(kind)


def _rows(value: Any) -> list[Mapping[str, Any]]:
    found = structures.from_json(value)
    if not isinstance(found, (list, tuple)) or not all(isinstance(row, Mapping) for row in found):
        raise ValueError("a list of objects, one for each row")
    if len(found) > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} rows")
    return list(found)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose columns no mapping names: its keys are ids of components that tell their type."""
    cells = {}
    for column, value in row.items():
        kind = kind_of(column)
        if kind in (Kind.OTHER, Kind.TABLE):
            raise ValueError(
                f"a row whose names are ids of components, not {shortened(column)}; or name the "
                "columns under children"
            )
        try:
            cells[column] = _encode(kind, kind, value)
        except ValueError as error:
            raise ValueError(f"in {shortened(column)} {error}") from None
    return _filled(cells)


def _filled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without the empty cells: rows are written as a whole, so that what is left out is empty."""
    return {column: value for column, value in row.items() if value not in ("", None, [])}


def _shown(component_id: str, shape: Shape, data: Mapping[str, Any]) -> Any:
    kind = shape.kind
    value = data.get(component_id)
    if kind is Kind.OTHER:
        return "" if value is None else value
    if kind in _WITH_IDS or shape.by_id:
        value = _first_present(data.get(f"{component_id}_id"), value)
    elif kind in _WITH_VALUES:
        value = _first_present(data.get(f"{component_id}_value"), value)
    # Blank text is content of a text component, and must not look like the empty one.
    if value is None or (kind not in _TEXTS and is_empty(structures.from_json(value))):
        return empty_of(kind)
    try:
        return _read(shape, value)
    except ValueError:
        return value


def _read(shape: Shape, value: Any) -> Any:
    """Raises ValueError where Yida shows something else than the vendor's pages say."""
    match shape.kind:
        case Kind.TEXT | Kind.OPTION | Kind.SERIAL:
            if shape.kind is Kind.OPTION and isinstance(value, list) and len(value) == 1:
                value = value[0]
            return text_of(value)
        case Kind.DATE if not isinstance(value, str) or value.strip().isdecimal():
            return whole_number_of(value)  # always milliseconds, however early
        case Kind.DATE_RANGE:
            return structures.shown_period(value)
        case Kind.TABLE:
            rows = [_shown_row(shape, row) for row in _rows(value)]
            return [row for row in rows if row]
        case _:
            return _written(shape.kind, value)


def _shown_row(table: Shape, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns alone: Yida shows a row's own id and companions of its values beside them."""
    columns = table.columns
    if not columns:
        companions = {f"{name}{end}" for name in row for end in ("_id", "_value")}
        columns = {
            name: shape
            for name in row
            if name not in companions and (shape := shape_of(name)).kind is not Kind.OTHER
        }
    return _filled({name: _shown(name, shape, row) for name, shape in columns.items()})


def _first_present(*values: Any) -> Any:
    return next((value for value in values if not is_empty(value)), None)
