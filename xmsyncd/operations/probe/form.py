"""One marked instance on the real form: started, looked at, updated, looked at, deleted if that is wanted.

Only one is ever started: what becomes of a lost answer is found out by looking for the mark, and the other
version of the call is tried only after a refusal that proves that nothing was started.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from xmsyncd.clock import Clock
from xmsyncd.errors import CannotWorkError, RefusedError, TryLaterError
from xmsyncd.operations.components import component_findings
from xmsyncd.operations.findings import FindingState
from xmsyncd.operations.probe import form_answers as decide
from xmsyncd.operations.probe.answers import Answer, failed, told, unknown
from xmsyncd.operations.probe.approval import approval_path
from xmsyncd.operations.probe.content import blanked, changed_content, marked_content
from xmsyncd.operations.probe.form_answers import SearchSeen
from xmsyncd.records import Content, Family, Found, InstanceId, KeyValue, Outcome, StopReason
from xmsyncd.settings import ApiVersion, PipelineSettings, SearchOperator, TargetSettings, UpdatePath
from xmsyncd.settings.schema import Path
from xmsyncd.yida import wire
from xmsyncd.yida.marks import MARK_PREFIX, is_mark
from xmsyncd.yida.writers import ProcessWriter

MOST_CALLS: Final = 50
USUAL_CALLS: Final = 15
"""Metered calls for one form: what they are at the very most, and where nothing is odd."""

_TRIES: Final = 5
_READS: Final = 2
"""How often a read by id that fails is repeated."""

_FIRST_WAIT: Final = timedelta(seconds=1)
_LONGEST_PAUSE: Final = timedelta(minutes=2)
_NOT_EXECUTED: Final = frozenset({Family.NOT_SENT, Family.THROTTLED, Family.TRY_LATER})

WriterFor = Callable[[TargetSettings], ProcessWriter]


@dataclass(frozen=True, slots=True)
class Leftover:
    """An instance that an earlier probe has left in the form."""

    instance_id: InstanceId
    key: str


class FormProbe:
    """The conversation with one form. ``permit`` waits for leave to make one call of an API.

    ``mark`` is the key of the instance; from the moment before it is started until it is proven gone,
    ``may_exist`` is true, whatever happens in between. ``calls`` counts what writes cost; reads tell theirs
    to the writer's own counter.
    """

    def __init__(
        self,
        pipeline: str,
        settings: PipelineSettings,
        read_back_after: Sequence[timedelta],
        *,
        mark: KeyValue,
        writer_for: WriterFor,
        permit: Callable[[str], Awaitable[None]],
        server_now: Callable[[], datetime],
        longest_look: timedelta,
        clock: Clock,
    ) -> None:
        self._where: Path = ("pipelines", pipeline, "target")
        self._settings = settings
        self._target = settings.target
        self._read_back_after = read_back_after
        self._writer_for = writer_for
        self._permit = permit
        self._server_now = server_now
        self._delays = decide.look_delays(longest_look)
        self._clock = clock
        self.mark = mark
        self.may_exist = False
        self.instance_id: InstanceId | None = None
        self.answers: list[Answer] = []
        self.leftovers: tuple[Leftover, ...] = ()
        self.people: tuple[str, ...] = ()
        self.calls = 0
        self._content: Content = {}

    # Before anything is written

    async def look_round(self) -> bool:
        """Whether the form can be written to as it is mapped; also who would get a task, and old marks.

        Reads only: three metered calls.
        """
        writer = self._writer_for(self._target)
        try:
            definitions = await writer.definitions()
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            self.answers.append(failed("form", str(error)))
            return False
        fields, key = self._settings.fields, self._target.key
        wrong = [
            one
            for one in component_findings(".".join(map(str, self._where[:2])), fields, key, definitions)
            if one.state is FindingState.FAILED
        ]
        if wrong:
            self.answers += [failed(one.what, one.found, one.expected) for one in wrong]
            return False
        content = marked_content(fields, key, self.mark, self._clock.now())
        try:
            path = approval_path(await writer.preview(content), self._target.user_id)
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            self.answers.append(unknown("approvers", f"Yida does not preview the approval: {error}"))
        else:
            self.people = path.people
            self.answers.append(told("approvers", path.sentence))
        await self._find_leftovers()
        return True

    async def _find_leftovers(self) -> None:
        """By a fuzzy search for what all marks begin with; where that cannot be, they stay unknown."""
        fuzzy = self._target.model_copy(update={"search_operator": SearchOperator.LIKE})
        try:
            found = await self._writer_for(fuzzy).search(KeyValue(MARK_PREFIX))
        except (CannotWorkError, RefusedError, TryLaterError) as error:
            self.answers.append(unknown("earlier probes", f"could not be looked for: {error}"))
            return
        self.leftovers = tuple(Leftover(one.instance_id, one.key) for one in found if is_mark(one.key))
        if self.leftovers:
            keys = ", ".join(one.key for one in self.leftovers)
            self.answers.append(told("earlier probes", f"have left {len(self.leftovers)} instances: {keys}"))

    # With one instance

    async def run(self) -> bool:
        """Start the instance and find everything out; whether an instance was started, as far as is known.

        What a vendor does ends in the answers. Interrupted at any point, ``may_exist`` and ``instance_id``
        tell what may be left.
        """
        self._content = marked_content(self._settings.fields, self._target.key, self.mark, self._clock.now())
        version = await self._start()
        if version is None or self.instance_id is None:
            return False
        started = self._server_now()
        target = self._target = self._target.model_copy(update={"api_version": version})
        shown, _, wrong = await self._get(target)
        if shown is not None:
            self.answers.append(decide.status(shown.status))
            self.answers.append(self._zone(shown, started))
        self.answers.append(self._shows_content(shown, wrong))
        operator = await self._search(target)
        if operator is not None:
            self.answers.append(await self._equality(target))
        await self._update(target)
        self.answers.append(decide.others_instances())
        return True

    async def _start(self) -> ApiVersion | None:
        """The version that started it, or ``None``. After a lost answer the mark is looked for."""
        current = self._target.api_version
        refused = ""
        for version in (current, *(one for one in ApiVersion if one is not current)):
            target = self._target.model_copy(update={"api_version": version})
            self.may_exist = True
            create = partial(self._writer_for(target).create, self._content)
            outcome = await self._sent(wire.START, create)
            if outcome.family is Family.DELIVERED:
                self.instance_id = outcome.instance_id
            elif outcome.family is Family.UNDECIDED:
                self.instance_id = await self._find_lost(target)
                if self.instance_id is None:
                    self._undecided(outcome)
                    return None
            else:
                self.may_exist = False
                if decide.proves_nothing_started(outcome) and not refused:
                    refused = decide.sentence_of(outcome)
                    continue
                both = f"; {current}: {refused}" if refused else ""
                self.answers.append(
                    failed("start of an instance", f"{version}: {decide.sentence_of(outcome)}{both}")
                )
                return None
            self.answers.append(decide.api_version(self._where, current, version, refused))
            return version
        return None

    def _undecided(self, outcome: Outcome) -> None:
        self.answers.append(
            failed(
                "start of an instance",
                f"the answer was lost ({decide.sentence_of(outcome)}), and no search shows {self.mark}",
                "it may be there all the same, or yet appear; a second one was not started. Run probe "
                f"--write again later, which looks for what was left; or look for {self.mark} in Yida",
            )
        )

    async def _find_lost(self, target: TargetSettings) -> InstanceId | None:
        waited = timedelta(0)
        for delay in self._delays:
            await self._clock.sleep((delay - waited).total_seconds())
            waited = delay
            found, _ = await self._look(target)
            if found:
                return found[0].instance_id
        return None

    async def _get(self, target: TargetSettings) -> tuple[Found | None, Mapping[str, Any], str]:
        """The instance, its form data as Yida shows them, and what was wrong where neither could be read."""
        wrong = ""
        for delay in (timedelta(0), *self._delays[:_READS]):
            await self._clock.sleep(delay.total_seconds())
            try:
                shown = await self._writer_for(target).get_as_shown(self.instance_id or InstanceId(""))
            except TryLaterError as error:
                wrong = str(error)
            except (CannotWorkError, RefusedError) as error:
                return None, {}, str(error)
            else:
                return (None, {}, "") if shown is None else (*shown, "")
        return None, {}, wrong

    def _shows_content(self, shown: Found | None, wrong: str) -> Answer:
        question = "reading by id"
        if wrong:
            return unknown(question, wrong)
        if shown is None:
            return failed(question, "Yida does not show the instance that it has just started")
        differing = [name for name, value in self._content.items() if shown.content.get(name) != value]
        if differing:
            names = ", ".join(differing)
            return failed(question, f"other than was written: {names}", "Yida did not take these values")
        return told(question, "shows at once what was written")

    def _zone(self, shown: Found, started: datetime) -> Answer:
        text = shown.extra.get("createTimeGMT") or shown.extra.get("createdTimeGMT") or ""
        return decide.instance_timezone(self._where, self._target.instance_timezone, str(text), started)

    async def _search(self, target: TargetSettings) -> SearchOperator | None:
        """The operator by which the key was found, after looks at growing delays."""
        operator = target.search_operator
        waited, seen = timedelta(0), SearchSeen.LATER
        for delay in self._delays:
            await self._clock.sleep((delay - waited).total_seconds())
            waited = delay
            found, refused = await self._look(target)
            if found:
                seen = SearchSeen.FOUND
                break
            if refused:
                seen = SearchSeen.REFUSED
                break
        if seen is SearchSeen.FOUND:
            self.answers.append(decide.looks(self._read_back_after, waited))
        else:
            other = SearchOperator.LIKE if operator is SearchOperator.EQ else SearchOperator.EQ
            found, _ = await self._look(target.model_copy(update={"search_operator": other}))
            if found:
                operator, seen = other, SearchSeen.FOUND
            elif seen is SearchSeen.LATER and await self._is_listed(target):
                seen = SearchSeen.NOT_BY_KEY
        self.answers += decide.search(self._where, self._target, seen, operator, waited)
        return operator if seen is SearchSeen.FOUND else None

    async def _look(self, target: TargetSettings, key: KeyValue | None = None) -> tuple[list[Found], bool]:
        """Of what a search for ``key`` (the mark) shows, what has the mark; whether Yida refuses it."""
        try:
            rows = await self._writer_for(target).search(key or self.mark)
        except CannotWorkError as error:
            return [], error.reason is StopReason.NOT_SEARCHABLE
        except (RefusedError, TryLaterError):
            return [], False
        return [one for one in rows if one.key == self.mark], False

    async def _is_listed(self, target: TargetSettings) -> bool:
        """Whether a search without a condition shows the instance: then the index knows it."""
        try:
            rows, _ = await self._writer_for(target).first_page()
        except (CannotWorkError, RefusedError, TryLaterError):
            return False
        return any(one.instance_id == self.instance_id for one in rows)

    async def _equality(self, target: TargetSettings) -> Answer:
        exact = target.model_copy(update={"search_operator": SearchOperator.EQ})
        variants = (
            ("in other case", KeyValue(self.mark.lower())),
            ("with a blank behind it", KeyValue(f"{self.mark} ")),
            ("by a part of it", KeyValue(self.mark[:-1])),
        )
        return decide.equality([name for name, key in variants if (await self._look(exact, key))[0]])

    async def _update(self, target: TargetSettings) -> None:
        changed = changed_content(self._content, self._settings.fields, target.key)
        refusals: list[str] = []
        works: UpdatePath | None = None
        current = target.update_path
        for path in (current, *(one for one in UpdatePath if one is not current)):
            refusal = await self._updated(target.model_copy(update={"update_path": path}), changed)
            if refusal is None:
                works = path
                break
            refusals.append(f"{path}: {refusal}")
        self.answers.append(decide.update_path(self._where, current, works, refusals))

    async def _updated(self, target: TargetSettings, changed: Content) -> str | None:
        """``None`` once a read shows the change; else what happened instead. An update may be repeated."""
        instance_id = self.instance_id
        if instance_id is None:
            return "no instance"
        outcome = Outcome(Family.UNDECIDED)
        for _ in range(2):
            update = partial(self._writer_for(target).update, instance_id, changed)
            outcome = await self._sent(wire.UPDATE, update)
            if outcome.family not in (Family.DELIVERED, Family.UNDECIDED):
                return decide.sentence_of(outcome)
            shown, data, _ = await self._get(target)
            if shown is not None and all(shown.content.get(name) == value for name, value in changed.items()):
                name = blanked(self._content, changed)
                if name is not None:
                    self.answers.append(decide.blank_text(data.get(name), name in data))
                return None
            if outcome.family is Family.DELIVERED:
                return "accepted, and a read shows no change"
        return decide.sentence_of(outcome)

    # At the end

    async def delete(self, instance_ids: Sequence[InstanceId]) -> dict[InstanceId, str]:
        """Delete these; by id, what is wrong, "" for those that are proven gone. Safe to repeat."""
        writer = self._writer_for(self._target)
        results: dict[InstanceId, str] = {}
        for instance_id in instance_ids:
            outcome = await self._sent(wire.DELETE, partial(writer.delete, instance_id))
            try:
                still_there = await writer.get(instance_id) is not None
            except (CannotWorkError, RefusedError, TryLaterError) as error:
                results[instance_id] = f"it cannot be seen whether it is gone: {error}"
                continue
            results[instance_id] = decide.sentence_of(outcome) if still_there else ""
            if instance_id == self.instance_id and not still_there:
                self.may_exist = False
        return results

    async def _sent(self, api: str, write: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Send, and again while nothing was executed and waiting may help."""
        wait = _FIRST_WAIT
        for attempt in range(1, _TRIES + 1):
            await self._permit(api)
            try:
                outcome = await write()
            except BaseException:
                self.calls += 1  # interrupted: it may have arrived
                raise
            self.calls += outcome.calls
            asked = outcome.wait or wait
            if outcome.family not in _NOT_EXECUTED or attempt == _TRIES or asked > _LONGEST_PAUSE:
                return outcome
            await self._clock.sleep(asked.total_seconds())
            wait *= 2
        raise AssertionError("the last attempt returns")
