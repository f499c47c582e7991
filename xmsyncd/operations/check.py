"""Would it work? Asks both vendors everything that can be asked without writing, and needs no ledger.

Costs three metered calls of DingTalk for each pipeline (form definition, a count by search, a preview of the
approval), which are counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from xmsyncd.errors import CannotWorkError, ConfigurationError, RefusedError, TryLaterError
from xmsyncd.nearest import nearest
from xmsyncd.okki.client import OkkiClient, Page
from xmsyncd.okki.resources import resource_of
from xmsyncd.operations.components import component_findings
from xmsyncd.operations.findings import Finding, FindingState, failed, note, ok, warning
from xmsyncd.operations.known import Known
from xmsyncd.operations.probe.approval import approval_path
from xmsyncd.operations.probe.content import marked_content
from xmsyncd.operations.robots import robot_findings
from xmsyncd.operations.vendors import Vendors, mapping_of
from xmsyncd.records import Item, KeyValue, StopReason
from xmsyncd.settings import FetchDetail, OnDelete, PipelineSettings, ReadBack, Settings, read_tables
from xmsyncd.transform.custom_fields import EXTERNAL_DATA
from xmsyncd.transform.mapping import FieldMapping

_T = TypeVar("_T")

_CLOCK_DOUBT: Final = timedelta(minutes=2)

# Items to look at: a single one may be the one that lacks a field.
_SAMPLE: Final = 20

_OKKI_ADVICE: Final[Mapping[StopReason, str]] = {
    StopReason.CREDENTIALS: "look at client_id and client_secret of this connection, and at base_url: the "
    "vendor has a test host and a production host",
    StopReason.PERMISSION: "ask OKKI's administrator to give the application read access to the lists that "
    "the pipelines read (see resources.md for the scope of each), and look at scope of this connection",
    StopReason.CONFIGURATION: "look at base_url and source.params",
}
_YIDA_ADVICE: Final[Mapping[StopReason, str]] = {
    StopReason.CREDENTIALS: "look at app_key and app_secret of this connection, and at target.system_token",
    StopReason.PERMISSION: "give the DingTalk application the Yida permissions the message names, and the "
    "user of target.user_id access to the form's data",
    StopReason.QUOTA: "the month's API calls are used up: wait for the next month or buy more",
    StopReason.CAPACITY: "Yida holds as many records or files as the edition allows: make room or buy more",
    StopReason.CONFIGURATION: "look at target.app_type, form_uuid, system_token and user_id",
}


async def check(
    settings: Settings, vendors: Vendors, known: Mapping[str, Known] | None, now: datetime
) -> dict[str, Any]:
    """``{"findings": […], "failed", "warnings", "metered_calls"}``; a finding as :meth:`Finding.to_json`.

    ``known`` is what the ledger remembers (:func:`load_known`), ``None`` where it could not be asked. What a
    vendor answers ends in the findings; nothing of it is raised.
    """
    findings: list[Finding] = []
    for name, pipeline in settings.pipelines.items():
        source = _Source(name, pipeline, vendors, settings)
        findings += await source.findings()
        target = _Target(name, pipeline, vendors, settings, known, now)
        findings += await target.findings()
    findings += robot_findings(settings)
    unique = list(dict.fromkeys(findings))  # a connection that two pipelines share is told once
    return {
        "findings": [one.to_json() for one in unique],
        "failed": sum(one.state is FindingState.FAILED for one in unique),
        "warnings": sum(one.state is FindingState.WARNING for one in unique),
        "metered_calls": sum(each.total() for each in vendors.metered.values()),
    }


class _Asking:
    """Turns what a vendor answers into findings."""

    def __init__(self, advice: Mapping[StopReason, str]) -> None:
        self._advice = advice
        self.found: list[Finding] = []

    async def ask(self, what: str, question: Callable[[], Awaitable[_T]]) -> _T | None:
        """The answer, or ``None`` after a finding that says why there is none."""
        try:
            return await question()
        except CannotWorkError as error:
            advice = self._advice.get(error.reason, "")
            self.found.append(failed(what, f"{error.reason}: {error}", advice=advice))
        except TryLaterError as error:
            self.found.append(
                failed(what, str(error), advice="look at base_url and the network, or try again later")
            )
        except RefusedError as error:
            self.found.append(failed(what, str(error), advice=self._advice[StopReason.CONFIGURATION]))
        return None


class _Source:
    """The OKKI half of one pipeline."""

    def __init__(self, name: str, pipeline: PipelineSettings, vendors: Vendors, settings: Settings) -> None:
        self._name = name
        self._pipeline = pipeline
        self._settings = settings
        self._where = f"pipelines.{name}.source"
        self._source = pipeline.source
        self._resource = resource_of(pipeline.source)
        connection, _ = settings.okki_of(pipeline)
        self._connection = f"okki.{connection}"
        self._scope = settings.okki[connection].scope
        self._client: OkkiClient = vendors.okki[connection]
        self._mapping: FieldMapping = vendors.mappings[name]
        self._asking = _Asking(_OKKI_ADVICE)

    async def findings(self) -> list[Finding]:
        found = self._asking.found
        self._judge_scope()
        if await self._asking.ask(f"{self._connection} token", self._authenticate) is None:
            return found
        found.append(ok(f"{self._connection} token", "OKKI accepts the credentials"))
        page = await self._asking.ask(f"{self._where} list", self._first_page)
        if page is None:
            return found
        self._judge_page(page)
        if self._mapping.derived_needs:
            await self._groups()
        if self._mapping.custom_fields:
            await self._custom_fields()
        if page.items:
            await self._detail(page.items)
        self._judge_clock()
        return found

    def _judge_scope(self) -> None:
        needed = self._resource.scope
        if self._scope is not None and needed not in self._scope.split():
            self._asking.found.append(
                warning(
                    f"{self._connection}.scope",
                    f"{self._scope}, without {needed}",
                    expected=f"{needed} among the scopes, because {self._where} reads {self._resource.path}",
                    advice="leave scope out: then every scope that the pipelines need is asked for",
                )
            )

    async def _authenticate(self) -> bool:
        await self._client.authenticate()
        return True

    async def _first_page(self) -> Page:
        params = {**self._resource.page(self._source.page_start, _SAMPLE), **self._source.params}
        return await self._client.fetch_page(
            self._resource, params, list_key=self._source.list_key, total_keys=self._source.total_keys
        )

    def _judge_page(self, page: Page) -> None:
        what, noun = f"{self._where} list", self._resource.noun
        add = self._asking.found.append
        if page.unreadable:
            add(
                warning(
                    what,
                    f"an entry without a readable {self._resource.id_field}",
                    advice="such entries are rejected and listed; look at source.resource and id_field",
                )
            )
        elif not page.items:
            add(
                warning(
                    what,
                    f"OKKI lists no {noun.one}",
                    expected="at least one",
                    advice="look at source.params, source.list_key and the application's access to "
                    f"{noun.many}",
                )
            )
        elif page.items[0].updated_at is None:
            add(
                warning(
                    what,
                    f"{noun.with_article} without a readable {self._resource.updated_field}",
                    expected="YYYY-MM-DD HH:MM:SS",
                    advice="which of two readings is newer cannot be told then; the later one counts",
                )
            )
        else:
            total = page.total
            shown = f"{noun.many} and no total: windows are read twice"
            shown = shown if total is None else f"{total} {noun.many}"
            add(ok(what, f"OKKI lists {shown}"))

    async def _groups(self) -> None:
        what = f"{self._connection} product groups"
        tree = await self._asking.ask(what, lambda: self._client.fetch_groups(self._resource))
        if tree is None:
            return
        if tree.is_empty:
            names = " and ".join(sorted(self._mapping.derived_needs))
            self._asking.found.append(
                warning(
                    what,
                    "OKKI shows no product groups",
                    expected=f"a tree of groups, because the mapping uses {names}",
                    advice="make product groups in OKKI, or leave the group levels out of the mapping",
                )
            )
        else:
            self._asking.found.append(ok(what, f"{len(tree)} groups"))

    async def _detail(self, items: Sequence[Item]) -> None:
        item = items[0]
        needed = self._mapping.item_needs & frozenset(self._source.detail_fields)
        chosen = self._source.fetch_detail
        lacks = any(item.raw.get(name) is None for name in needed)
        wanted = chosen is FetchDetail.ALWAYS or (chosen is FetchDetail.AUTO and lacks)
        shown = {name for one in items for name in one.raw}
        if wanted and self._resource.detail_path:
            what = f"{self._where} detail"
            detail = await self._asking.ask(
                what, lambda: self._client.fetch_detail(self._resource, item.source_id)
            )
            if detail is None:
                return
            self._asking.found.append(
                ok(what, f"OKKI shows {self._resource.noun.one} {item.source_id} in full")
            )
            shown |= set(detail)
        self._judge_references(shown)

    async def _custom_fields(self) -> None:
        """Their names against OKKI's dictionary, which tells the ids under which products show them."""
        what = f"{self._where} fields"
        fields = await self._asking.ask(what, lambda: self._client.fetch_fields(self._resource))
        if fields is None:
            return
        try:
            tables = read_tables(self._settings.lookups)
            self._mapping = mapping_of(self._name, self._pipeline, tables, fields)
        except ConfigurationError as error:
            advice = "look in OKKI, under the settings of fields, for what it is called"
            self._asking.found += [
                failed(one.where, one.found, expected=one.expected, advice=advice) for one in error.faults
            ]
        else:
            names = ", ".join(field.name for field in self._mapping.custom_fields)
            self._asking.found.append(ok(what, f"OKKI has the custom fields of the mapping: {names}"))

    def _judge_references(self, shown: set[str]) -> None:
        """A mistyped name is no fault of the grammar: it would be a blank in every record."""
        what, noun = f"{self._where.removesuffix('.source')}.fields", self._resource.noun
        advice = f"see with preview KEY what the mapping makes of one {noun.one}"
        for name in sorted(self._mapping.item_needs - shown - self._custom_names(shown)):
            found = f"the mapping uses {{{name}}}, which no {noun.one} on OKKI's first page has"
            if self._pipeline.transform:
                made = f"the function of transform may make it; {advice}"
                self._asking.found.append(note(what, found, advice=made))
            else:
                expected = f"a field that OKKI shows{nearest(name, shown)}"
                self._asking.found.append(warning(what, found, expected=expected, advice=advice))

    def _custom_names(self, shown: set[str]) -> set[str]:
        """A product shows its custom fields in one place of several."""
        ids = {field.id for field in self._mapping.custom_fields}
        return ids | {EXTERNAL_DATA} if ids & shown else ids

    def _judge_clock(self) -> None:
        offset = self._client.clock_offset
        if offset is not None and abs(offset) > _CLOCK_DOUBT:
            self._asking.found.append(
                warning(
                    f"{self._connection} clock",
                    f"OKKI's clock and this machine's are {abs(offset).total_seconds():.0f} s apart",
                    expected="less than two minutes",
                    advice="set this machine's clock (NTP), and timezone in the configuration",
                )
            )


class _Target:
    """The Yida half of one pipeline."""

    def __init__(
        self,
        name: str,
        pipeline: PipelineSettings,
        vendors: Vendors,
        settings: Settings,
        known: Mapping[str, Known] | None,
        now: datetime,
    ) -> None:
        self._now = now
        self._name = name
        self._where = f"pipelines.{name}"
        self._pipeline = pipeline
        connection, _ = settings.dingtalk_of(pipeline)
        self._connection = f"dingtalk.{connection}"
        self._client = vendors.yida[connection]
        self._writer = vendors.targets[name]
        self._known = known
        self._asking = _Asking(_YIDA_ADVICE)

    async def findings(self) -> list[Finding]:
        found = self._asking.found
        self._judge_ledger()
        self._tell_mark()
        if await self._asking.ask(f"{self._connection} token", self._authenticate) is None:
            return found
        found.append(ok(f"{self._connection} token", "DingTalk accepts the credentials"))
        definitions = await self._asking.ask(f"{self._where}.target form", self._writer.definitions)
        if definitions is not None:
            found += component_findings(
                self._where, self._pipeline.written, self._pipeline.target.key, definitions
            )
        what = f"{self._where}.target search"
        number = await self._asking.ask(what, self._writer.count_instances)
        if number is not None:
            self._judge_instances(what, number)
        if definitions is not None and not any(one.state is FindingState.FAILED for one in found):
            await self._approvers()
        return found

    async def _approvers(self) -> None:
        """Who would get a task, by the vendor's preview of a start. Not to know it hinders nothing."""
        what = f"{self._where}.target approval"
        pipeline = self._pipeline
        content = marked_content(pipeline.written, pipeline.target.key, KeyValue("xmsyncd check"), self._now)
        try:
            nodes = await self._writer.preview(content)
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            self._asking.found.append(
                note(
                    what,
                    f"Yida does not preview the approval: {error}",
                    advice="see in the form's process design (流程设计) who would get a task",
                )
            )
            return
        path = approval_path(nodes, pipeline.target.user_id)
        self._asking.found.append(ok(what, path.sentence))

    async def _authenticate(self) -> bool:
        await self._client.authenticate()
        return True

    def _judge_ledger(self) -> None:
        known = None if self._known is None else self._known.get(self._name)
        target = self._pipeline.target
        if known is not None and (known.form, known.key_component) != (target.form, target.key):
            self._asking.found.append(
                failed(
                    f"{self._where}.target",
                    f"the form {target.form} with the key {target.key}",
                    expected=f"{known.form} with the key {known.key_component}, as the ledger remembers it",
                    advice="give the pipeline another name, or start it with a ledger of its own",
                )
            )

    def _tell_mark(self) -> None:
        """The component is one that every instance holds: where there are some already, each lacks it."""
        target, known = self._pipeline.target, None if self._known is None else self._known.get(self._name)
        mark = target.deleted_mark
        if target.on_delete is not OnDelete.MARK or mark is None or known is None:
            return
        if known.knows_instances:
            self._asking.found.append(
                note(
                    f"{self._where}.target.deleted_mark",
                    f"{mark.field} is part of every record: {mark.otherwise!r}, and {mark.value!r} once it "
                    "is deleted",
                    advice="a mark that is new, or changed, updates every record in Yida once, whatever it "
                    "holds for the living: see with `xmsyncd plan` how many that are; beyond its limit the "
                    "guard holds them for `xmsyncd approve`",
                )
            )

    def _judge_instances(self, what: str, number: int) -> None:
        known = None if self._known is None else self._known.get(self._name, _NEW)
        may_create = known is None or known.may_create or known.knows_instances
        if number and not may_create:
            self._asking.found.append(
                warning(
                    what,
                    f"the form already has {number} instances, and the ledger knows none of them",
                    expected="an empty form, or the ledger that belongs to it",
                    advice="sync refuses to create anything unless it is told --bootstrap once: if the "
                    "instances are records of this pipeline, each of them would be there twice",
                )
            )
        else:
            self._asking.found.append(ok(what, f"the user may search; it shows {number} instances"))
        if self._pipeline.target.read_back is ReadBack.NEVER:
            self._asking.found.append(
                warning(
                    f"{self._where}.target.read_back",
                    "never",
                    expected="always",
                    advice="a create whose answer is lost then waits for a person",
                )
            )


_NEW: Final = Known("", "", may_create=False, knows_instances=False)
