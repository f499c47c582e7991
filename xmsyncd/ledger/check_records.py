"""The rules about records: each one with its content, keys, instances and attempt, as one step read them."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from xmsyncd.ledger import documents, filtering, rows
from xmsyncd.ledger.checking import Checked, Rule, Violation
from xmsyncd.ledger.events import Claimed
from xmsyncd.ledger.states import (
    Block,
    DesiredDraft,
    Phase,
    RecordState,
    keeps_its_keys,
    next_operation,
    visible_state,
    wanted_keys,
)
from xmsyncd.ledger.times import from_ms
from xmsyncd.ledger.transitions import transition
from xmsyncd.records import AttemptId, KeyValue, Operation, RecordId
from xmsyncd.transform.hashes import as_shown, content_hash, volatile_in

_RECORDS_PER_STEP: Final = 250


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around some records, by record."""

    contents: dict[int, sqlite3.Row]
    keys: dict[int, list[sqlite3.Row]]
    instances: dict[int, list[sqlite3.Row]]
    attempts: dict[int, sqlite3.Row]
    forms: dict[str, str]


def check_records(connection: sqlite3.Connection, after: int, now: datetime) -> Checked:
    """The records after this number."""
    found = rows.scan(connection, RecordId(after), _RECORDS_PER_STEP)
    if not found:
        return Checked([], 0, None)
    around = _around(connection, found[0]["id"], found[-1]["id"])
    violations = [one for row in found for one in _record(connection, row, around)]
    return Checked(violations, len(found), found[-1]["id"])


def _around(connection: sqlite3.Connection, first: int, last: int) -> _Around:
    def grouped(sql: str) -> dict[int, list[sqlite3.Row]]:
        by_record: dict[int, list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(sql, (first, last)):
            by_record[row["record_id"]].append(row)
        return by_record

    contents = grouped("SELECT * FROM contents WHERE record_id BETWEEN ? AND ?")
    attempts = grouped(
        """SELECT r.id AS record_id, a.id, a.pipeline, a.operation, a.settled_ms, a.outcome,
               s.key, s.content_hash, s.attempt_id IS NOT NULL AS is_listed
           FROM records r JOIN attempts a ON a.id = r.attempt_id
           LEFT JOIN attempt_records s ON s.attempt_id = a.id AND s.record_id = r.id
           WHERE r.id BETWEEN ? AND ?"""
    )
    return _Around(
        contents={record_id: found[0] for record_id, found in contents.items()},
        keys=grouped("SELECT form, key, record_id FROM keys WHERE record_id BETWEEN ? AND ?"),
        instances=grouped("SELECT * FROM instances WHERE record_id BETWEEN ? AND ?"),
        attempts={record_id: found[0] for record_id, found in attempts.items()},
        forms={row["name"]: row["form"] for row in connection.execute("SELECT name, form FROM pipelines")},
    )


def _record(connection: sqlite3.Connection, row: sqlite3.Row, around: _Around) -> Iterator[Violation]:
    where = f"record {row['id']} (OKKI {row['source_id']}, key {row['key']!r})"
    try:
        state = rows.state_of(row)
    except ValueError as error:
        yield Violation(Rule.STATE, f"{where}: {error}")
        return
    yield from _derived(row, state, where)
    yield from _keys(connection, row, state, around.keys.get(row["id"], []), where)
    yield from _instances(row, state, around.instances.get(row["id"], []), where)
    yield from _attempt(row, state, around.attempts.get(row["id"]), where)
    yield from _contents(state, around.contents.get(row["id"]), where)
    if around.forms.get(row["pipeline"]) != row["form"]:
        yield Violation(
            Rule.FORMS, f"{where}: in form {row['form']}, its pipeline in {around.forms.get(row['pipeline'])}"
        )


def _derived(row: sqlite3.Row, state: RecordState, where: str) -> Iterator[Violation]:
    if row["state"] != visible_state(state):
        yield Violation(Rule.STATE, f"{where}: stored as {row['state']}, is {visible_state(state)}")
    lane = _lane(state)
    if row["lane"] != lane:
        yield Violation(Rule.STATE, f"{where}: in lane {row['lane']}, belongs in {lane}")


def _lane(state: RecordState) -> str | None:
    """Which worker may act on the record by itself, asked of the transition function."""
    if transition(state, Claimed(AttemptId(0), from_ms(0))) != state:
        return "suspect" if state.block is Block.SUSPECT else next_operation(state)
    is_open = state.attempt is not None and state.attempt.phase is Phase.UNDECIDED
    return "look" if is_open and state.block not in (Block.PARKED, Block.DISCARDED) else None


def _keys(
    connection: sqlite3.Connection,
    row: sqlite3.Row,
    state: RecordState,
    held_rows: list[sqlite3.Row],
    where: str,
) -> Iterator[Violation]:
    for held in held_rows:
        if held["form"] != row["form"]:
            yield Violation(Rule.FORMS, f"{where}: holds key {held['key']!r} in form {held['form']}")
    held_keys = {KeyValue(one["key"]) for one in held_rows}
    wanted = wanted_keys(state)
    for key in sorted(held_keys - wanted) if not keeps_its_keys(state) else ():
        yield Violation(Rule.KEYS, f"{where}: holds key {key!r} and does not want it")
    for key in sorted(wanted - held_keys):
        if not _may_lack(connection, row, state, key):
            yield Violation(Rule.KEYS, f"{where}: does not hold key {key!r}")


def _may_lack(connection: sqlite3.Connection, row: sqlite3.Row, state: RecordState, key: KeyValue) -> bool:
    """A record that waits does so for somebody; one that a person is to decide about takes its key then."""
    attempt = state.attempt
    if attempt is not None and attempt.operation is Operation.CREATE and attempt.key == key:
        return False
    if state.block in (Block.PARKED, Block.HELD):
        return True
    if state.block is not Block.WAITING:
        return False
    holder = connection.execute(
        "SELECT 1 FROM keys WHERE form = ? AND key = ? AND record_id <> ?", (row["form"], key, row["id"])
    )
    return holder.fetchone() is not None


def _instances(
    row: sqlite3.Row, state: RecordState, known: list[sqlite3.Row], where: str
) -> Iterator[Violation]:
    for one in known:
        if one["form"] != row["form"] or one["pipeline"] != row["pipeline"]:
            yield Violation(
                Rule.FORMS, f"{where}: instance {one['instance_id']} in {one['pipeline']}, {one['form']}"
            )
        if one["role"] == "bound" and one["instance_id"] != state.instance_id:
            yield Violation(
                Rule.INSTANCES,
                f"{where}: instance {one['instance_id']} is bound to it, it names {state.instance_id}",
            )
    if state.instance_id is None:
        return
    roles = [one["role"] for one in known if one["instance_id"] == state.instance_id]
    if not roles:
        yield Violation(Rule.INSTANCES, f"{where}: names instance {state.instance_id}, which is not known")
    elif roles[0] == "double":
        yield Violation(Rule.INSTANCES, f"{where}: names instance {state.instance_id}, which is a double")


def _attempt(
    row: sqlite3.Row, state: RecordState, known: sqlite3.Row | None, where: str
) -> Iterator[Violation]:
    attempt = state.attempt
    if attempt is None:
        return
    if known is None:
        yield Violation(Rule.ATTEMPTS, f"{where}: attempt {attempt.attempt_id} is open and not known")
        return
    is_open = known["outcome"] is None
    if is_open != (attempt.phase is Phase.SENDING):
        yield Violation(
            Rule.ATTEMPTS, f"{where}: {attempt.phase}, attempt {known['id']} is {known['outcome'] or 'open'}"
        )
    told = (known["pipeline"], known["operation"], known["key"], known["content_hash"])
    if told != (row["pipeline"], attempt.operation, attempt.key, attempt.content_hash):
        yield Violation(Rule.ATTEMPTS, f"{where}: attempt {known['id']} says {told}")


def _contents(state: RecordState, stored: sqlite3.Row | None, where: str) -> Iterator[Violation]:
    if stored is None:
        yield Violation(Rule.CONTENTS, f"{where}: no content is stored")
        return
    read: dict[str, Any] = {}
    for name in ("content", "delivered", "left_in_yida", "sent", "raw", "detail"):
        try:
            read[name] = None if stored[name] is None else documents.load(stored[name])
        except (ValueError, TypeError) as error:
            yield Violation(Rule.CONTENTS, f"{where}: its {name} cannot be read: {error}")
            return
    if isinstance(state.desired, DesiredDraft):
        expected = {"content": state.desired.content_hash}
    else:
        expected = {}
        if read["raw"] is None and not filtering.is_set_aside(state):
            yield Violation(Rule.CONTENTS, f"{where}: rejected, and its item is not stored")
    if state.attempt is not None:
        expected["sent"] = state.attempt.content_hash
    if state.delivered_hash is not None and read["delivered"] is not None:
        expected["delivered"] = state.delivered_hash
    for name, told in expected.items():
        if read[name] is None:
            yield Violation(Rule.CONTENTS, f"{where}: its {name} is not stored")
        elif content_hash(read[name], volatile_in(told)) != as_shown(told):
            yield Violation(Rule.CONTENTS, f"{where}: its {name} is not what its hash says")
    for name in sorted({*(read["left_in_yida"] or ())} & {*(read["delivered"] or ())}):
        yield Violation(Rule.CONTENTS, f"{where}: {name} is delivered, and left from before")
