"""Step 2 with its two needs from OKKI: the group tree and, for new or changed items, the detail call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xmsyncd.clock import Clock
from xmsyncd.cycle.current_mapping import CurrentMapping
from xmsyncd.cycle.hooking import Hooking, whole
from xmsyncd.cycle.known_groups import KnownGroups
from xmsyncd.errors import (
    CannotWorkError,
    RefusedError,
    ThrottledError,
    TryLaterError,
    UnusableMappingError,
)
from xmsyncd.heartbeat import beat
from xmsyncd.ledger import Ledger, cycles, documents, lookups
from xmsyncd.ledger.tombstones import Mark
from xmsyncd.ledger.views import Listed, StageEntry
from xmsyncd.okki.client import OkkiClient
from xmsyncd.okki.resources import Resource
from xmsyncd.records import ContentHash, Draft, Filtered, Item, Rejection, RejectionReason, SourceId
from xmsyncd.settings import FetchDetail, OnChange, SourceSettings
from xmsyncd.transform.context import context_parts, named_parts
from xmsyncd.transform.custom_fields import EXTERNAL_DATA, FieldDictionary, dictionary_for
from xmsyncd.transform.depth import is_too_deep
from xmsyncd.transform.derived import (
    GROUP_EXISTS,
    GROUP_PATH,
    GroupPolicies,
    derive_group_levels,
    group_exists,
    group_id_of,
)
from xmsyncd.transform.hashes import hash_of
from xmsyncd.transform.mapping import FieldMapping, Step
from xmsyncd.transform.quality.standing import QualityPlan
from xmsyncd.transform.variables import times


def fields_of(resource: Resource) -> str:
    """How the ledger names the dictionary of a list's fields."""
    return f"{resource.name}_fields"


TRIED_AGAIN = (
    RejectionReason.UNKNOWN_GROUP,
    RejectionReason.DETAIL_UNAVAILABLE,
    RejectionReason.UNIQUE,
    RejectionReason.CONSISTENT,
)
"""Rejections whose cause lies elsewhere and may be gone although the item is listed as before."""

TRANSFORM = "transform"
"""The component of the step that tells what the function of the user made of a product."""

UNREADABLE = "unreadable:"
"""How the ledger names an entry without an id; the hash of the entry follows."""

# Details that fail one after the other are an outage: the cycle ends, and the next one tries again.
DETAIL_OUTAGE = 3


@dataclass(frozen=True, slots=True)
class Explained:
    """How one item is mapped."""

    beside: Mapping[str, Any]
    """What the mapping uses that is no field of the item, by name."""
    steps: tuple[Step, ...]
    result: Draft | Filtered | Rejection
    needs: frozenset[str]
    """The fields of the item that the mapping looks at."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """Whether the ledger knew what OKKI was not asked for.

    ``unknown_fields`` are custom fields of the mapping that are empty for want of an entry in any dictionary.
    """

    fields: bool
    groups: bool
    unknown_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shaped:
    """A page's items, in order, ready to be staged.

    ``cut_short_by`` is what failed under way, so that the rest is missing: what is known of those before must
    not be lost, or the same ones would fail the next cycle again.
    """

    entries: tuple[StageEntry, ...]
    cut_short_by: TryLaterError | CannotWorkError | UnusableMappingError | None = None


class Shaper:
    """Turns listed items into drafts or rejections, fetching what the mapping needs and the list lacks.

    :meth:`prepare` must run at the start of each cycle. Both methods raise what ``OkkiClient`` raises;
    ``prepare`` also raises ``EmptyGroupTreeError`` and ``UnusableMappingError``.
    """

    def __init__(
        self,
        pipeline: str,
        client: OkkiClient,
        resource: Resource,
        source: SourceSettings,
        mapping: CurrentMapping,
        policies: GroupPolicies,
        *,
        on_change: OnChange,
        mark: Mark | None = None,
        ledger: Ledger,
        clock: Clock,
        tree_changed: Callable[[int], None] = lambda groups: None,
    ) -> None:
        """``tree_changed`` is told the number of groups when the tree is another than before."""
        self._pipeline = pipeline
        self._client = client
        self._resource = resource
        self._source = source
        self._current = mapping
        self._policies = policies
        self._on_change = on_change
        self._mark = mark
        self._ledger = ledger
        self._clock = clock
        self._times: Mapping[str, int] | None = None
        self._groups = KnownGroups(
            client, resource, ledger=ledger, clock=clock, keep=source.group_cache, changed=tree_changed
        )
        self._fields_remembered: ContentHash | None = None
        self._details_failed_in_a_row = 0
        self.detail_calls = 0
        self._hooking = None if mapping.hook is None else Hooking(mapping.hook)
        self.details_away_in_a_row = 0
        """Details that failed for a passing reason, one after the other; a refusal is an item's own."""

    @property
    def _mapping(self) -> FieldMapping:
        return self._current.mapping

    @property
    def quality(self) -> QualityPlan:
        """The rules of ``quality``: how they are counted, and those that compare with the ledger."""
        return self._mapping.quality

    @property
    def context(self) -> ContentHash:
        """The hash of all that shapes the output beside the items themselves, as of now."""
        return hash_of(self._context_parts())

    @property
    def context_parts(self) -> Mapping[str, ContentHash]:
        """The same, part by part, by name."""
        return named_parts(self._mapping, self._context_parts())

    def _context_parts(self) -> dict[str, Any]:
        return context_parts(
            self._mapping,
            policies=self._policies,
            tree_hash=self._groups.hash,
            further={
                **({} if self._mark is None else {"mark": [self._mark.component, self._mark.value]}),
                "on_change": self._on_change.value,
                "fetch_detail": self._source.fetch_detail.value,
                "detail_fields": sorted(self._source.detail_fields),
                # Others may be listed than before, whose last change lies before any window.
                **({"params": dict(self._source.params)} if self._source.params else {}),
                **({} if self._current.hook is None else {"transform": self._current.hook.source_hash}),
            },
        )

    async def prepare(self) -> None:
        """Have the mapping of this moment, and a group tree that is no older than ``source.group_cache``."""
        self._times = await self._times_now()
        self._groups.begin()
        self._details_failed_in_a_row = 0
        self.details_away_in_a_row = 0
        if self._hooking is not None:
            self._hooking.begin()
        self.detail_calls = 0
        await self.refresh()
        if self._mapping.derived_needs:
            await self._groups.refresh()

    async def refresh(self) -> None:
        """Have the mapping of this moment for what a person has mapped again between two cycles.

        Raises as :meth:`prepare`.
        """
        hook = self._current.hook
        before = None if hook is None else hook.source_hash
        await self._current.refresh()
        if self._hooking is not None and hook is not None and hook.source_hash != before:
            self._hooking.begin()  # it is another function now, which has hung for nobody yet
        await self._remember_fields()

    def finish(self) -> None:
        """The cycle is over: what is mapped until the next one is mapped at a moment of its own."""
        self._times = None

    async def _times_now(self) -> Mapping[str, int]:
        """What the platform's variables stand for now."""
        now = self._clock.now()
        since = await self._ledger.read(cycles.read_up_to, self._pipeline)
        return times(now, since or now)

    async def _remember_fields(self) -> None:
        fields = self._current.fields
        if fields is None or fields.hash == self._fields_remembered:
            return
        body = documents.dump(fields.to_rows())
        await self._ledger.write(
            lookups.remember,
            self._client.name,
            fields_of(self._resource),
            fields.hash,
            body,
            self._clock.now(),
        )
        self._fields_remembered = fields.hash

    async def shape(
        self, items: Sequence[Item], known: Mapping[SourceId, Listed], *, ruled: bool = True
    ) -> Shaped:
        """Shape them by the rules of ``quality`` unless told otherwise; a person may ask while a cycle does.

        An item that is listed as before and was mapped under this context is passed on unmapped. Raises what
        keeps the first of them away.
        """
        await self._current.ready()
        entries: list[StageEntry] = []
        for item in items:
            beat()
            try:
                entries.append(await self._shape(item, known.get(item.source_id), ruled=ruled))
            except (TryLaterError, CannotWorkError, UnusableMappingError) as error:
                if not entries:
                    raise
                return Shaped(tuple(entries), error)
        return Shaped(tuple(entries))

    async def _shape(self, item: Item, known: Listed | None, *, ruled: bool) -> StageEntry:
        same = known is not None and known.listed_hash == item.listed_hash
        # As it is before: where it changes under way, parts of both may be in the result, which then is no
        # result of what holds afterwards.
        context = self.context
        if known is not None and same and known.context_hash == context and not self._is_judged_anew(known):
            return StageEntry(item, None)
        detail = known.detail if known is not None and same else None
        missing = frozenset() if is_too_deep(item.raw) else self._missing(item)
        if missing and self._hooking is None:  # a function may make another item of it, with its detail
            left_out = self._mapping.filtered_early(
                item, detail, self._times or await self._times_now(), missing
            )
            if left_out is not None:
                return StageEntry(item, left_out, detail, context)
        try:
            if missing and (detail is None or not missing <= detail.keys()):
                detail = await self._detail(item)
        except (RefusedError, TryLaterError) as error:
            self.details_away_in_a_row += 1
            if isinstance(error, RefusedError):
                self.details_away_in_a_row = 0
            else:
                self._blame_the_item_or_raise(error, known)
            rejection = Rejection(
                item.source_id,
                item.updated_at,
                RejectionReason.DETAIL_UNAVAILABLE,
                str(error),
                key=self._mapping.key_alone(item, detail, missing),
            )
            return StageEntry(item, rejection, context_hash=context)
        result = await self.map_item(item, detail, ruled=ruled)
        accepted = None if known is None else known.accepted
        if isinstance(result, Rejection) and accepted is not None:
            in_spite = await self.map_item(item, detail, ruled=False)
            if isinstance(in_spite, Draft) and in_spite.content_hash == accepted:
                result, ruled = in_spite, False  # a person has let this very content through
        return StageEntry(item, result, detail, context, ruled=ruled)

    async def map_item(
        self, item: Item, detail: Mapping[str, Any] | None, *, ruled: bool = True
    ) -> Draft | Filtered | Rejection:
        """The function and the mapping, with the group tree (fetched again once a cycle if unknown)."""
        await self._current.ready()
        made = await self._made(item, detail)
        if not isinstance(made, Item):
            return made
        item, detail = made, self._left_of(detail)
        beside = await self._beside(item, detail)
        if isinstance(beside, Rejection | Filtered):
            return beside
        return self._mapping.map_item(item, detail, beside, ruled=ruled)

    async def explain(self, item: Item, detail: Mapping[str, Any] | None) -> Explained:
        """The same, step by step, for a person who wants to see how it comes about."""
        await self._current.ready()
        made = await self._made(item, detail)
        if not isinstance(made, Item):
            return Explained({}, self._transformed(item, detail, made), made, self._looked_at(item, detail))
        transformed = self._transformed(item, detail, made)
        item, detail = made, self._left_of(detail)
        beside = await self._beside(item, detail)
        known = {} if isinstance(beside, Rejection | Filtered) else beside
        return Explained(
            {name: value for name, value in known.items() if name in self._mapping.needs - {GROUP_PATH}},
            (
                *transformed,
                *self._mapping.explain_where(item, detail, known),
                *self._mapping.explain_derived(item, detail, known),
                *self._mapping.explain(item, detail, known),
            ),
            beside
            if isinstance(beside, Rejection | Filtered)
            else self._mapping.map_item(item, detail, known),
            self._looked_at(item, detail),
        )

    def _looked_at(self, item: Item, detail: Mapping[str, Any] | None) -> frozenset[str]:
        """The fields that the mapping looks at; custom ones as keys only where the item shows them so."""
        ids = {field.id for field in self._mapping.custom_fields}
        return self._mapping.item_needs - (ids - whole(item, detail).keys())

    async def _made(self, item: Item, detail: Mapping[str, Any] | None) -> Item | Rejection | Filtered:
        """The item after the function of ``transform``; the mapping rejects one that is too deep."""
        if self._hooking is None or is_too_deep(item.raw):
            return item
        return await self._hooking.apply(item, detail)

    def _left_of(self, detail: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """A function was given the detail with the item, and may have taken something away."""
        return detail if self._hooking is None else None

    def _transformed(
        self, item: Item, detail: Mapping[str, Any] | None, made: Item | Rejection | Filtered
    ) -> tuple[Step, ...]:
        """What the function changed, as a step."""
        if self._current.hook is None:
            return ()
        before = whole(item, detail)
        after = made.raw if isinstance(made, Item) else {}
        changed = {
            name: value for name, value in after.items() if name not in before or before[name] != value
        }
        fault = made.detail if isinstance(made, Rejection) else ""
        return (Step(TRANSFORM, self._current.hook.name, "", {}, changed, fault),)

    async def recall(self, shown: Mapping[str, Any]) -> Recalled:
        """Have groups and custom fields as the ledger remembers them, not asking.

        Custom fields that its dictionary lacks are those that the product itself shows, or else empty.
        """
        knows_fields = knows_groups = True
        unknown: tuple[str, ...] = ()
        if wanted := self._mapping.custom_names:
            known = await self._ledger.read(lookups.recall, self._client.name, fields_of(self._resource))
            knows_fields = known is not None
            remembered = None if known is None else FieldDictionary.from_rows(documents.load(known.body))
            fields, unknown = dictionary_for(shown, wanted, remembered)
            self._current.use(fields)
        if self._mapping.derived_needs:
            knows_groups = await self._groups.recall()
        used = {field.name.strip() for field in self._mapping.custom_fields}
        return Recalled(
            knows_fields or not used, knows_groups, tuple(name for name in unknown if name in used)
        )

    async def _beside(
        self, item: Item, detail: Mapping[str, Any] | None
    ) -> dict[str, Any] | Filtered | Rejection:
        """What the mapping needs beside the item, by name."""
        beside: dict[str, Any] = dict(self._times or await self._times_now())
        if self._mapping.derived_needs:
            await self._groups.look_for(group_id_of(item, detail))
            levels = derive_group_levels(item, detail, self._groups.path_of, self._policies)
            if isinstance(levels, Rejection):
                left_out = self._mapping.filtered_early(item, detail, beside, frozenset())
                if left_out is not None:
                    return left_out
                # With its key it can be told which instance is its own, although it cannot be sent.
                return dataclasses.replace(levels, key=self._mapping.key_alone(item, detail, frozenset()))
            beside.update(levels)
            if GROUP_EXISTS in self._mapping.derived_needs:
                beside[GROUP_EXISTS] = group_exists(item, detail, self._groups.path_of)
        return beside

    def _is_judged_anew(self, known: Listed) -> bool:
        """Whether what has not changed may come to something else by now."""
        return known.rejection in TRIED_AGAIN or self._mapping.is_filter_volatile

    def _blame_the_item_or_raise(self, error: TryLaterError, known: Listed | None) -> None:
        """Items whose detail fails again and again must not hold up all the others for ever."""
        if isinstance(error, ThrottledError):
            raise error
        if known is None or known.rejection != RejectionReason.DETAIL_UNAVAILABLE:
            self._details_failed_in_a_row += 1
        if self._details_failed_in_a_row >= DETAIL_OUTAGE:
            raise error

    def _missing(self, item: Item) -> frozenset[str]:
        """The fields for which the detail is asked, by the listing and the settings."""
        asked = self._asked(item)
        match self._source.fetch_detail:
            case FetchDetail.NEVER:
                return frozenset()
            case FetchDetail.ALWAYS:
                return asked or frozenset(self._source.detail_fields)
            case FetchDetail.AUTO:
                return frozenset(name for name in asked if item.raw.get(name) is None)

    def _asked(self, item: Item) -> frozenset[str]:
        """What the detail may be asked for: custom fields are not blank because the list leaves them out."""
        fields = frozenset(self._source.detail_fields)
        if self._current.hook is not None:
            return fields  # what a function looks at, nobody can tell
        if any(field.id not in item.raw for field in self._mapping.custom_fields):
            fields |= {EXTERNAL_DATA}
        return self._mapping.item_needs & fields

    async def _detail(self, item: Item) -> Mapping[str, Any]:
        """What the mapping may need of the detail: no more is kept than is used."""
        self.detail_calls += 1
        whole = await self._client.fetch_detail(self._resource, item.source_id)
        self._details_failed_in_a_row = self.details_away_in_a_row = 0
        wanted = self._mapping.item_needs | frozenset(self._source.detail_fields)
        if self._resource.groups_path:
            wanted |= {"group_id", "group_name"}
        return {name: whole.get(name) for name in sorted(wanted)}


def unreadable_item(raw: Any, id_field: str) -> StageEntry:
    """An entry of a list that has no id: it cannot be sent, and must not be lost from sight either."""
    listed_hash = hash_of(raw)
    item = Item(SourceId(UNREADABLE + listed_hash), None, {"entry": raw}, listed_hash)
    detail = f"found an entry without {id_field}; expected an id of 1 to 20 digits"
    return StageEntry(item, Rejection(item.source_id, None, RejectionReason.UNREADABLE, detail))
