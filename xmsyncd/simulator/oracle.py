"""The judge of a synchronisation: compares OKKI's store with Yida's, in the six components of the example.

Of a list other than products: name, number and text, in three of them.

It reads both stores directly, so neither a lagging index nor a fault can deceive it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from xmsyncd.simulator.catalogue import Catalogue
from xmsyncd.simulator.forms import Form
from xmsyncd.simulator.instances import Instance
from xmsyncd.simulator.lists import PRODUCT, ListKind

NAME: Final = "textField_lq0sj9h9"
NUMBER: Final = "textField_lq23ags2"
FIRST_GROUP: Final = "textField_lq0sj9h3"
GROUP_ID: Final = "textField_lqdd2tui"
PRODUCT_TYPE: Final = "textField_lstsv908"
REMARK: Final = "textareaField_lq23ags6"

_STEP: Final = 500  # products between two turns of the event loop


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What does not agree, by product number; `agrees`: each product once, with its latest content.

    `rejected` (no number, no name, or a value that is no text) and `conflicts` (one number, several products)
    belong into the daemon's own list and are told apart: a conflict may stand in Yida once, for any of its
    products. Deleted products may stand in Yida or not.
    """

    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[dict[str, Any]] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    instances: int = 0
    products: int = 0

    @property
    def agrees(self) -> bool:
        return not (self.missing or self.doubled or self.different or self.extra)

    def to_json(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in self.__slots__}
        return {**shown, "agrees": self.agrees}


class Oracle:
    """Knows both sides of one form."""

    def __init__(self, catalogue: Catalogue, form: Form) -> None:
        self._catalogue = catalogue
        self._form = form

    def expected(self, product_id: int) -> dict[str, str]:
        """What Yida should hold for a product. Raises KeyError for an unknown id."""
        return self._content(self._catalogue.product(product_id))

    def judge(self) -> Verdict:
        """Compare everything now; a second or so for every 50 000 products."""
        verdict = Verdict()
        for _ in self._judged(verdict):
            pass
        return verdict

    async def judge_politely(self) -> Verdict:
        """As judge, without holding up the simulated vendors meanwhile."""
        verdict = Verdict()
        for _ in self._judged(verdict):
            await asyncio.sleep(0)
        return verdict

    def _judged(self, verdict: Verdict) -> Iterator[None]:
        """Fill the verdict; yields now and then."""
        held: dict[str, list[Instance]] = {}
        for count, instance in enumerate(list(self._form.store)):
            if not instance.deleted:
                held.setdefault(str(instance.latest.data().get(NUMBER, "")), []).append(instance)
                verdict.instances += 1
            if count % _STEP == 0:
                yield
        kind = self._catalogue.kind
        wanted: dict[str, list[int]] = {}
        tolerated: set[str] = set()
        for count, position in enumerate(list(self._catalogue.positions())):
            fields = self._catalogue.fields_at(position)
            verdict.products += 1
            number = _text(fields.get(kind.number_field))
            if self._catalogue.is_deleted(position):
                tolerated.add(number)
            elif not _is_deliverable(fields, kind):
                verdict.rejected.append(fields[kind.id_field])
                # An earlier version of it may have been delivered, with this number.
                tolerated.add(number)
            else:
                wanted.setdefault(number, []).append(position)
            if count % _STEP == 0:
                yield
        for count, (number, positions) in enumerate(wanted.items()):
            self._compare(verdict, number, positions, held.get(number, []))
            if count % _STEP == 0:
                yield
        verdict.extra = [number for number in held if number not in wanted and number not in tolerated]

    def _compare(self, verdict: Verdict, number: str, positions: list[int], found: list[Instance]) -> None:
        if len(positions) > 1:
            verdict.conflicts.append(number)
        if not found:
            verdict.missing.append(number)
        elif len(found) > 1:
            verdict.doubled.append(number)
        else:
            held = found[0].latest.data()
            contents = [self._content(self._catalogue.fields_at(position)) for position in positions]
            if not any(_same(content, held) for content in contents):
                verdict.different.append({"key": number, "expected": contents[0], "found": held})

    def _content(self, fields: dict[str, Any]) -> dict[str, str]:
        kind = self._catalogue.kind
        if kind is not PRODUCT:
            named = {NAME: _text(fields.get(kind.name_field))} if kind.name_field else {}
            number, text = _text(fields.get(kind.number_field)), _text(fields.get(kind.text_field))
            return {**named, NUMBER: number, REMARK: text}
        group_id = fields.get("group_id")
        path = self._catalogue.groups.path(int(str(group_id))) if str(group_id or "").isdecimal() else ()
        content = {
            NAME: _text(fields.get("name")),
            NUMBER: _text(fields.get("product_no")),
            FIRST_GROUP: path[0].name if path else "",
            GROUP_ID: _text(group_id),
            PRODUCT_TYPE: _text(fields.get("product_type")),
            REMARK: _text(fields.get("product_remark")),
        }
        if not path:
            # An unknown group may be left blank or named after its leaf: both are policies of the daemon.
            del content[FIRST_GROUP]
        return content


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _is_deliverable(fields: dict[str, Any], kind: ListKind) -> bool:
    needed = [kind.number_field, *([kind.name_field] if kind.name_field else [])]
    scalar = all(not isinstance(fields.get(name), dict | list) for name in (*needed, kind.text_field))
    return scalar and all(fields.get(name) not in (None, "") for name in needed)


def _same(content: dict[str, str], found: dict[str, Any]) -> bool:
    return all(_text(found.get(name)) == value for name, value in content.items())
