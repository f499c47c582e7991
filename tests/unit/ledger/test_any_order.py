"""Stage, claim, settle, crash, look and what people do, in any order: each product once, newest content.

The other side is an honest Yida: it carries out a call or not, and shows exactly what it holds.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.ledger import sample
from tests.unit.ledger.opened import opened
from xmsyncd.delivery import look_policy
from xmsyncd.delivery.look_policy import Waited
from xmsyncd.ledger import adopting, claims, guard, instances, looks, people, pipelines, rows
from xmsyncd.ledger.documents import load
from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.guard import UNGUARDED, GuardRules
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import (
    Block,
    DesiredDraft,
    DesiredRejection,
    ParkReason,
    Phase,
    VisibleState,
    visible_state,
    wanted_keys,
)
from xmsyncd.ledger.views import Look, StageEntry
from xmsyncd.records import (
    Claim,
    Content,
    Family,
    Filtered,
    Found,
    InstanceId,
    KeyValue,
    Operation,
    RecordId,
    SourceId,
)
from xmsyncd.transform.hashes import hash_of

# Two pipelines write into one form; their numbers meet.
PIPELINES = {"1": "products", "2": "products", "3": "products", "4": "others"}
CYCLES = {"products": 1, "others": 2}

sources = st.sampled_from(list(PIPELINES))
keys = st.sampled_from(["K1", "K2", "K3"])
pipelines_ = st.sampled_from(list(CYCLES))
texts = st.sampled_from(["", "a", "b"])

AT_ONCE = Waited(timedelta(0), timedelta(0))

COMPONENTS = ("textField_key", "textField_name")
FURTHER = "textField_further"

# Whom an instance that a person typed was created for.
NOBODY = RecordId(0)


@dataclass
class Yida:
    """What the form holds, and for whom each instance was created."""

    instances: dict[InstanceId, tuple[RecordId, Content]] = field(default_factory=dict)
    created: int = 0
    mapped: tuple[str, ...] = COMPONENTS
    """What is read of an instance: the components that are mapped now."""

    def create(self, claim: Claim) -> InstanceId:
        self.created += 1
        instance_id = InstanceId(f"i{self.created:03}")
        self.instances[instance_id] = (claim.record_id, claim.content)
        return instance_id

    def carry_out(self, claim: Claim) -> InstanceId | None:
        """``None`` when the instance to update is gone."""
        if claim.instance_id is None:
            return self.create(claim)
        if claim.instance_id not in self.instances:
            return None
        # It merges: what an update does not name stays.
        _, before = self.instances[claim.instance_id]
        self.instances[claim.instance_id] = (claim.record_id, {**before, **claim.content})
        return claim.instance_id

    def get(self, instance_id: InstanceId) -> Found | None:
        if instance_id not in self.instances:
            return None
        shown = self.instances[instance_id][1]
        content = {name: shown.get(name, "") for name in self.mapped}
        return Found(instance_id, content["textField_key"], content, hash_of(content))

    def search(self, key: str) -> list[Found]:
        found = (self.get(instance_id) for instance_id in sorted(self.instances))
        return [one for one in found if one is not None and one.key == key]


class AnyOrder(RuleBasedStateMachine):
    """Each rule is one transaction of the ledger, or something that happens outside of it."""

    @initialize()
    def open(self) -> None:
        self.exits = contextlib.ExitStack()
        folder = self.exits.enter_context(tempfile.TemporaryDirectory())
        self.db = self.exits.enter_context(opened(Path(folder) / "xmsyncd.db"))
        for pipeline in CYCLES:
            sample.open_pipeline(self.db, pipeline)
        self.yida = Yida()
        self.in_flight: list[Claim] = []
        self.now = sample.NOW
        self.resent_by_order: set[RecordId] = set()
        self.deleted: set[RecordId] = set()
        self.guard = UNGUARDED
        self.further = ""

    # What happens

    @rule(source=sources, key=keys, text=texts)
    def stage(self, source: str, key: str, text: str) -> None:
        self.tick()
        further = {FURTHER: self.further} if FURTHER in self.yida.mapped else {}
        entry = sample.draft_entry(source, key, text, self.now, **further)
        self.stage_entry(source, entry)

    @rule(further=st.none() | texts)
    def somebody_changes_the_mapping(self, further: str | None) -> None:
        """What is staged from now on names one more component, or it does not any more."""
        self.further = further or ""
        self.yida.mapped = COMPONENTS if further is None else (*COMPONENTS, FURTHER)

    @rule(further=st.none() | texts)
    def everything_is_mapped_anew(self, further: str | None) -> None:
        """By the full read that a changed mapping brings."""
        self.somebody_changes_the_mapping(further)
        for row in self.records():
            if isinstance(row.state.desired, DesiredDraft):
                stored = self.db.execute(
                    "SELECT content FROM contents WHERE record_id = ?", (row.record_id,)
                ).fetchone()
                content = load(stored["content"])
                self.stage(row.source_id, content["textField_key"], content["textField_name"])

    @rule(source=sources)
    def stage_something_bad(self, source: str) -> None:
        self.tick()
        self.stage_entry(source, sample.rejected_entry(source, self.now))

    @rule(source=sources, key=st.none() | keys, text=texts)
    def leave_out(self, source: str, key: str | None, text: str) -> None:
        """``where`` does not want it (any more)."""
        self.tick()
        item = sample.item(source, self.now, no=key, name=text)
        wanted = None if key is None else KeyValue(key)
        self.stage_entry(source, StageEntry(item, Filtered(SourceId(source), self.now, "where", wanted)))

    @rule(one=st.permutations(list(PIPELINES)))
    def pass_the_numbers_round(self, one: list[str]) -> None:
        """Swaps and cycles are rare by chance, and the heart of the matter."""
        for source, key in zip(one, ("K1", "K2", "K3"), strict=False):
            self.stage(source, key, "")

    @rule(pipeline=pipelines_, operation=st.sampled_from(Operation), wanted=st.integers(1, 3))
    def claim(self, pipeline: str, operation: Operation, wanted: int) -> None:
        self.tick()
        self.in_flight += sample.claim(self.db, operation, pipeline=pipeline, wanted=wanted, now=self.now)

    @rule(which=st.integers(0, 9), family=st.sampled_from(Family), carried_out=st.booleans())
    def settle(self, which: int, family: Family, carried_out: bool) -> None:
        if not self.in_flight:
            return
        self.tick()
        one = self.in_flight.pop(which % len(self.in_flight))
        if family is Family.GONE and one.operation is Operation.CREATE:
            family = Family.REFUSED
        if family is Family.GONE and one.instance_id in self.yida.instances:
            family = Family.DELIVERED
        instance_id = None
        if family is Family.DELIVERED or (family is Family.UNDECIDED and carried_out):
            instance_id = self.yida.carry_out(one)
            if family is Family.DELIVERED and instance_id is None:
                family = Family.GONE
        sample.settle(self.db, one, family, instance_id if family is Family.DELIVERED else None, now=self.now)

    @rule(which=st.integers(0, 9))
    def give_back(self, which: int) -> None:
        if self.in_flight:
            one = self.in_flight.pop(which % len(self.in_flight))
            claims.give_back(self.db, [one], sample.METER, self.tick())

    @rule(carried_out=st.lists(st.booleans(), min_size=9, max_size=9))
    def crash(self, carried_out: list[bool]) -> None:
        for one, done in zip(self.in_flight, carried_out, strict=False):
            if done:
                self.yida.carry_out(one)
        self.in_flight.clear()
        for pipeline in CYCLES:
            pipelines.recover(self.db, pipeline, timedelta(0), self.tick())

    @rule(pipeline=pipelines_, seen=st.booleans())
    def look(self, pipeline: str, seen: bool) -> None:
        self.tick()
        for look in sample.due_looks(self.db, self.now, pipeline):
            self.look_for(look, seen=seen)

    @rule(source=sources, what=st.sampled_from(["retry", "retry", "discard", "resend"]))
    def person(self, source: str, what: str) -> None:
        row = rows.find(self.db, PIPELINES[source], SourceId(source))
        if row is None:
            return
        self.tick()
        if what == "discard":
            people.discard(self.db, row.record_id, now=self.now)
            return
        before = row.state
        people.retry(self.db, row.record_id, resend=what == "resend", now=self.now)
        if before.attempt is not None and self.row(row.record_id).state.attempt is None:
            self.resent_by_order.add(row.record_id)

    @rule(rules=st.sampled_from([UNGUARDED, GuardRules(updates=0), GuardRules(updates=1)]))
    def somebody_sets_the_guard(self, rules: GuardRules) -> None:
        self.guard = rules

    @rule(pipeline=pipelines_, limit=st.integers(1, 2))
    def somebody_approves(self, pipeline: str, limit: int) -> None:
        self.tick()
        for record_id in guard.select(self.db, pipeline, limit=limit):
            guard.release(self.db, record_id, by="cli", now=self.now)

    @rule(which=st.integers(0, 9))
    def somebody_deletes_an_instance(self, which: int) -> None:
        if self.yida.instances:
            instance_id = sorted(self.yida.instances)[which % len(self.yida.instances)]
            record_id, _ = self.yida.instances.pop(instance_id)
            self.deleted.add(record_id)

    @rule(which=st.integers(0, 9), text=texts)
    def somebody_edits_an_instance(self, which: int, text: str) -> None:
        if self.yida.instances:
            instance_id = sorted(self.yida.instances)[which % len(self.yida.instances)]
            record_id, content = self.yida.instances[instance_id]
            self.yida.instances[instance_id] = (record_id, {**content, "textField_name": f"by hand {text}"})

    @rule(key=keys, text=texts)
    def somebody_types_an_instance(self, key: str, text: str) -> None:
        """Only where it can be told from ours: a key that Yida shows already would be anybody's double."""
        if not self.yida.search(key) and not any(one.key == key for one in self.in_flight):
            self.yida.created += 1
            content = {"textField_key": key, "textField_name": text, FURTHER: text}
            self.yida.instances[InstanceId(f"i{self.yida.created:03}")] = (NOBODY, content)

    @rule(pipeline=pipelines_)
    def adopt(self, pipeline: str) -> None:
        page = [self.yida.get(instance_id) for instance_id in sorted(self.yida.instances)]
        before = {row.record_id: row.state for row in self.records()}
        adopting.take(
            self.db,
            pipeline,
            sample.FORM,
            [one for one in page if one is not None],
            keeps=False,
            now=self.tick(),
        )
        for row in self.records():
            was, state = before[row.record_id], row.state
            assert state.attempt == was.attempt, "an open call is decided by its own looks"
            if state.instance_id is not None and state.instance_id != was.instance_id:
                _, content = self.yida.instances[state.instance_id]
                self.yida.instances[state.instance_id] = (row.record_id, content)

    @rule(pipeline=pipelines_)
    def reconcile(self, pipeline: str) -> None:
        """As with ``--apply``: what Yida holds is taken over, what is gone is parked."""
        for one in instances.held(self.db, sample.FORM, self.known_instances(pipeline)).values():
            shown = self.yida.get(one.instance_id)
            if not one.is_comparable:
                continue
            if shown is None:
                instances.lost(self.db, sample.FORM, one.instance_id, self.tick())
                assert visible_state(self.row(one.record_id).state) in (
                    VisibleState.PARKED,
                    VisibleState.DISCARDED,
                )
            elif one.delivered is None or any(
                value != one.delivered.get(name, value) for name, value in shown.content.items()
            ):
                if shown.content_hash == one.state.delivered_hash:
                    continue
                assert instances.drifted(self.db, one, shown, self.tick())

    def known_instances(self, pipeline: str) -> list[InstanceId]:
        return sorted(instances.current_ids(self.db, pipeline))

    # What holds after each of them

    @invariant()
    def keys_have_one_holder_that_wants_them(self) -> None:
        found = self.db.execute("SELECT form, key, record_id FROM keys").fetchall()
        held: dict[RecordId, set[str]] = {}
        for one in found:
            held.setdefault(RecordId(one["record_id"]), set()).add(one["key"])
        holder_of = {one["key"]: RecordId(one["record_id"]) for one in found}
        for row in self.records():
            state, mine = row.state, held.get(row.record_id, set())
            assert mine <= wanted_keys(state)
            if state.attempt is not None and state.attempt.operation is Operation.CREATE:
                assert state.attempt.key in mine, "the key of an open create is nobody else's"
            if not isinstance(state.desired, DesiredDraft):
                continue
            if state.block is Block.WAITING:
                holder = holder_of.get(state.desired.key)
                assert holder is not None, "it waits for a key that nobody holds"
                assert holder != row.record_id, "it waits for itself"
                other = self.row(holder).state
                assert other.block is not Block.WAITING or other.attempt is not None, (
                    "they wait for each other"
                )
            elif state.block not in (Block.PARKED, Block.DISCARDED, Block.HELD):
                assert state.desired.key in mine

    @invariant()
    def attempts_and_records_agree(self) -> None:
        sending = {one.attempt_id for one in self.in_flight}
        for row in self.records():
            attempt = row.state.attempt
            if attempt is None:
                continue
            stored = self.db.execute("SELECT * FROM attempts WHERE id = ?", (attempt.attempt_id,)).fetchone()
            assert stored["operation"] == attempt.operation
            if attempt.phase is Phase.SENDING:
                assert attempt.attempt_id in sending
                assert stored["outcome"] is None
                sending.discard(attempt.attempt_id)
            else:
                assert stored["outcome"] is not None
        assert not sending, "sent and forgotten"

    @invariant()
    def whatever_is_pending_is_due(self) -> None:
        found = self.db.execute("SELECT count(*) FROM records WHERE state = 'pending' AND due_ms IS NULL")
        assert found.fetchone()[0] == 0

    @invariant()
    def what_is_left_out_is_not_created(self) -> None:
        found = self.db.execute(
            "SELECT count(*) FROM records WHERE filtered_by IS NOT NULL AND lane IN ('create', 'suspect')"
        )
        assert found.fetchone()[0] == 0

    @invariant()
    def what_is_held_differs_from_yida_and_has_a_time(self) -> None:
        found = self.db.execute(
            """SELECT count(*) FROM records WHERE block = 'held'
               AND (guard_ms IS NULL OR instance_id IS NULL OR content_hash IS delivered_hash)"""
        )
        assert found.fetchone()[0] == 0

    @invariant()
    def no_instance_is_bound_to_two(self) -> None:
        found = self.db.execute(
            """SELECT instance_id FROM records WHERE instance_id IS NOT NULL
               GROUP BY instance_id HAVING count(*) > 1"""
        )
        assert found.fetchall() == []

    def teardown(self) -> None:
        if not hasattr(self, "exits"):
            return
        with self.exits:
            self.come_to_rest()
            self.check_yida()

    def come_to_rest(self) -> None:
        """Everything that is sent now arrives, and a person retries what is parked, until nothing is left."""
        for pipeline in CYCLES:
            self.adopt(pipeline)
        for _ in range(30):
            for pipeline in CYCLES:
                self.reconcile(pipeline)
            for one in list(self.in_flight):
                self.settle(self.in_flight.index(one), Family.DELIVERED, True)
            for pipeline in CYCLES:
                self.look(pipeline, True)
                for operation in Operation:
                    self.claim(pipeline, operation, 100)
                for record_id in guard.select(self.db, pipeline):
                    guard.release(self.db, record_id, by="cli", now=self.tick())
            for row in self.records():
                if visible_state(row.state) is VisibleState.PARKED:
                    # What was given up is there, or was proven absent: looking again cannot change it.
                    given_up = row.state.block_reason == ParkReason.RESEND_LIMIT
                    people.retry(self.db, row.record_id, resend=given_up, now=self.tick())
            states = {visible_state(row.state) for row in self.records()}
            busy = set(VisibleState) - {
                VisibleState.DELIVERED,
                VisibleState.REJECTED,
                VisibleState.WAITING,
                VisibleState.DISCARDED,
            }
            if not states & busy:
                return
        raise AssertionError(f"it never comes to rest: {sample.states(self.db)}")

    def check_yida(self) -> None:
        self.keys_have_one_holder_that_wants_them()
        for row in self.records():
            state = row.state
            mine = [
                instance
                for instance, (record_id, _) in self.yida.instances.items()
                if record_id == row.record_id
            ]
            if row.record_id not in self.resent_by_order | self.deleted:
                assert len(mine) <= 1, "a double"
            if visible_state(state) is not VisibleState.DELIVERED:
                assert isinstance(state.desired, DesiredRejection) or state.block in (
                    Block.WAITING,
                    Block.DISCARDED,
                )
                continue
            assert isinstance(state.desired, DesiredDraft)
            assert state.instance_id is not None
            if row.record_id in self.deleted:
                continue
            assert state.instance_id in mine
            shown = self.yida.get(state.instance_id)
            assert shown is not None
            assert shown.key == state.desired.key
            stored = self.db.execute(
                "SELECT content, delivered FROM contents WHERE record_id = ?", (row.record_id,)
            ).fetchone()
            wanted, holds = load(stored["content"]), self.yida.instances[state.instance_id][1]
            assert {name: holds.get(name, "") for name in wanted} == wanted

    # How it is done

    def tick(self) -> Any:
        self.now += timedelta(seconds=1)
        return self.now

    def stage_entry(self, source: str, entry: StageEntry) -> None:
        pipeline = PIPELINES[source]
        sample.stage(
            self.db, entry, pipeline=pipeline, cycle_id=CYCLES[pipeline], now=self.now, guard=self.guard
        )

    def look_for(self, look: Look, *, seen: bool) -> None:
        if look.operation is Operation.UPDATE:
            assert look.instance_id is not None
            shown_now = self.yida.get(look.instance_id)
            finding = look_policy.decide_update(look, shown_now, [timedelta(0)], AT_ONCE)
        else:
            shown = self.yida.search(look.key)
            owners = looks.owners(self.db, sample.FORM, [one.instance_id for one in shown])
            absent = look_policy.CreateFinding(Finding.ABSENT if seen else Finding.UNSEEN, "")
            finding = look_policy.decide_rows(look, shown if seen else [], owners) or absent
            found = self.yida.instances.get(finding.instance_id or InstanceId(""))
            if found is not None and found[0] == NOBODY:
                # Somebody's own, older than ours: it is bound, and ours is listed as its double.
                self.yida.instances[finding.instance_id or InstanceId("")] = (look.record_id, found[1])
                self.resent_by_order.add(look.record_id)
        sample.settle_look(
            self.db,
            look,
            finding.finding,
            instance_id=finding.instance_id,
            found_hash=finding.found_hash,
            doubles=finding.doubles,
            now=self.now,
        )

    def records(self) -> list[RecordRow]:
        if not hasattr(self, "db"):
            return []
        found = self.db.execute("SELECT id FROM records ORDER BY id").fetchall()
        return [self.row(RecordId(one["id"])) for one in found]

    def row(self, record_id: RecordId) -> RecordRow:
        return rows.load(self.db, record_id)


AnyOrder.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
