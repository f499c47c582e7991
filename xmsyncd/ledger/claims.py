"""Steps 4 and 6: a record is marked as on its way before it is sent, and settled after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from xmsyncd.ledger import documents, history, holdings, meters, pipelines, rows
from xmsyncd.ledger.events import Acquitted, Convicted, Returned
from xmsyncd.ledger.events import Claimed as ClaimedEvent
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.meters import Meter
from xmsyncd.ledger.order import NEWEST_ATTEMPT
from xmsyncd.ledger.rows import RecordRow
from xmsyncd.ledger.states import Block, next_operation, visible_state
from xmsyncd.ledger.times import to_ms
from xmsyncd.ledger.views import Allowance, Claimed, LaneView, Settlement, SettleReport, Stop
from xmsyncd.records import (
    AttemptId,
    Claim,
    Family,
    InstanceId,
    Operation,
    RecordId,
    StopReason,
)

# Beyond this many the exact number of creates that went out no longer matters to anyone.
_CREATES_COUNTED = 100


def claim(
    connection: sqlite3.Connection,
    pipeline: str,
    operation: Operation,
    wanted: int,
    decide: Callable[[LaneView], Allowance],
    meter: Meter,
    now: datetime,
) -> Claimed:
    """Mark up to ``wanted`` due records as being sent and count their calls, in one transaction.

    ``decide`` says, from what the ledger knows at this moment, how many may go. The claims must be
    sent at once, or given back with :func:`give_back`.
    """
    resumed = pipelines.end_quota_stop(connection, pipeline, meter, now)
    allowance = decide(_lane_view(connection, pipeline, operation, meter, now))
    claims = tuple(
        _claim_one(connection, pipeline, record_id, now)
        for record_id in _due(connection, pipeline, operation, min(wanted, allowance.limit), allowance, now)
    )
    if allowance.is_probe and allowance.stop is not None:
        # The slot is spent only with a call: where the quota lets none of what is due go, it stays.
        every = (allowance.stop.probe_at or now) - now
        if claims and not pipelines.take_probe(connection, pipeline, now, every):
            raise RuntimeError(f"pipeline {pipeline} was probed before its time")
    elif allowance.stop is not None:
        pipelines.stop(connection, pipeline, allowance.stop)
    for one in claims:
        _meter_write(connection, meter.connection, meter.month, one, 1)
    if not claims and (allowance.sends <= 0 or allowance.resends <= 0):
        # What is due is of the share that is spent; when that changes, the bell rings or the month does.
        allowance = replace(allowance, limit=0)
    return Claimed(claims, allowance, resumed)


def _meter_write(connection: sqlite3.Connection, name: str, month: str, one: Claim, calls: int) -> None:
    """Count calls for one record, on its own account and on that of the month."""
    if not calls:
        return
    meters.count(connection, name, month, one.operation, calls, from_reserve=one.from_reserve)
    column = "create_calls" if one.operation is Operation.CREATE else "update_calls"
    connection.execute(
        f"UPDATE records SET calls = calls + ?, {column} = {column} + ? WHERE id = ?",  # noqa: S608 - constant columns
        (calls, calls, one.record_id),
    )


def _lane_view(
    connection: sqlite3.Connection, pipeline: str, operation: Operation, meter: Meter, now: datetime
) -> LaneView:
    view = pipelines.view(connection, pipeline)
    use = meters.use(connection, meter)
    suspects = _all_suspects(connection, pipeline)
    return LaneView(
        pipeline=view,
        operation=operation,
        now=now,
        suspects=len(suspects[operation]),
        creates_sent=_creates_sent(connection, pipeline) if view.search_proven_at is None else 0,
        use=use,
        waiting=meters.waiting(connection, use, meter.connection),
        suspects_elsewhere=sum(len(each) for each in suspects.values()) - len(suspects[operation]),
        sending_elsewhere=_sending_elsewhere(connection, pipeline, operation),
        refusal=_refusal(connection, [one for each in suspects.values() for one in each]),
    )


def _sending_elsewhere(connection: sqlite3.Connection, pipeline: str, operation: Operation) -> int:
    found = connection.execute(
        """SELECT count(*) FROM records WHERE pipeline = ? AND state = 'sending' AND operation <> ?""",
        (pipeline, operation),
    )
    return int(found.fetchone()[0])


def _refusal(connection: sqlite3.Connection, suspects: Sequence[RecordId]) -> str:
    """What the vendor said to one of them, in its own words."""
    if not suspects:
        return ""
    row = connection.execute(
        "SELECT block_reason, block_detail FROM records WHERE id = ?", (suspects[-1],)
    ).fetchone()
    return f"{row['block_reason']} {row['block_detail']}".strip()


def _creates_sent(connection: sqlite3.Connection, pipeline: str) -> int:
    """Instances that are there and creates that may have made one.

    One that a look proved absent is neither: counted, five lost calls on the first day would close the
    door to the one that is sent again to find out.
    """
    return int(
        connection.execute(
            """SELECT (SELECT count(*) FROM (SELECT 1 FROM instances
                           WHERE pipeline = :pipeline AND role = 'bound' AND origin <> 'adopted'
                           LIMIT :most))
                    + (SELECT count(*) FROM (SELECT 1 FROM records WHERE pipeline = :pipeline
                           AND state IN ('sending', 'undecided', 'parked', 'discarded')
                           AND operation = 'create' AND block_reason <> 'resend_limit' LIMIT :most))""",
            {"pipeline": pipeline, "most": _CREATES_COUNTED},
        ).fetchone()[0]
    )


def _suspects(connection: sqlite3.Connection, pipeline: str, operation: Operation) -> list[RecordId]:
    """The suspects of an operation, the longest desired first: never many more than stop the pipeline."""
    return _all_suspects(connection, pipeline)[operation]


def _all_suspects(connection: sqlite3.Connection, pipeline: str) -> dict[Operation, list[RecordId]]:
    found: dict[Operation, list[RecordId]] = {operation: [] for operation in Operation}
    for row in connection.execute(
        """SELECT id, instance_id IS NULL AS is_new FROM records WHERE pipeline = ? AND lane = 'suspect'
           ORDER BY desired_ms, id""",
        (pipeline,),
    ):
        found[Operation.CREATE if row["is_new"] else Operation.UPDATE].append(RecordId(row["id"]))
    return found


def _due(
    connection: sqlite3.Connection,
    pipeline: str,
    operation: Operation,
    limit: int,
    allowance: Allowance,
    now: datetime,
) -> list[RecordId]:
    if limit <= 0:
        return []
    order = "random()" if allowance.shuffle else "due_ms, id"
    # Where both shares have room for all that is wanted nothing needs to be told apart.
    shares = (
        [("", limit)]
        if min(allowance.sends, allowance.resends) >= limit
        else [
            ("AND (tries > 0 OR resends > 0)", min(limit, allowance.resends)),
            ("AND tries = 0 AND resends = 0", min(limit, allowance.sends)),
        ]
    )
    found: list[RecordId] = []
    for condition, room in shares:
        rows_found = connection.execute(
            f"""SELECT id FROM records WHERE pipeline = ? AND lane = ? AND due_ms <= ? {condition}
                ORDER BY {order} LIMIT ?""",  # noqa: S608 - constant conditions and orders
            (pipeline, operation, to_ms(now), min(room, limit - len(found))),
        )
        found += [RecordId(row["id"]) for row in rows_found.fetchall()]
    if not found and allowance.include_suspects and allowance.sends > 0:
        return _suspects(connection, pipeline, operation)[:limit]
    return found


def _claim_one(connection: sqlite3.Connection, pipeline: str, record_id: RecordId, now: datetime) -> Claim:
    row = rows.load(connection, record_id)
    operation = next_operation(row.state)
    was_sent_before = row.state.tries > 0 or row.state.resends > 0
    cursor = connection.execute(
        "INSERT INTO attempts (pipeline, operation, claimed_ms) VALUES (?, ?, ?)",
        (pipeline, operation, to_ms(now)),
    )
    attempt_id = AttemptId(int(cursor.lastrowid or 0))
    row = rows.apply(connection, row, ClaimedEvent(attempt_id, now), now)
    attempt = row.state.attempt
    if attempt is None or attempt.attempt_id != attempt_id:
        raise RuntimeError(f"record {record_id} was due and could not be claimed: {row.state}")
    connection.execute(
        """INSERT INTO attempt_records (attempt_id, record_id, key, content_hash, instance_id)
           VALUES (?, ?, ?, ?, ?)""",
        (attempt_id, record_id, attempt.key, attempt.content_hash, row.state.instance_id),
    )
    connection.execute("UPDATE contents SET sent = content WHERE record_id = ?", (record_id,))
    content = connection.execute("SELECT content FROM contents WHERE record_id = ?", (record_id,)).fetchone()[
        0
    ]
    return Claim(
        attempt_id=attempt_id,
        record_id=record_id,
        pipeline=pipeline,
        operation=operation,
        key=attempt.key,
        content=documents.load(content),
        content_hash=attempt.content_hash,
        instance_id=row.state.instance_id,
        claimed_at=now,
        tries=row.state.tries,
        from_reserve=was_sent_before,
    )


def give_back(connection: sqlite3.Connection, claims: Sequence[Claim], meter: Meter, now: datetime) -> None:
    """Undo claims of which nothing was sent, and the calls counted for them."""
    for one in claims:
        row = rows.load(connection, one.record_id)
        holdings.agree(connection, rows.apply(connection, row, Returned(one.attempt_id, now), now), now)
        connection.execute(
            "UPDATE attempts SET outcome = 'returned', settled_ms = ? WHERE id = ?",
            (to_ms(now), one.attempt_id),
        )
        _meter_write(connection, meter.connection, meters.month_of(one.claimed_at), one, -1)


def settle(
    connection: sqlite3.Connection, settlements: Sequence[Settlement], meter: Meter, now: datetime
) -> SettleReport:
    """Commit a group of outcomes together with what they cost.

    A success convicts the suspects of the same operation (parks them), unless the pipeline stood
    still: then what refused them is mended and they are tried again. An outcome of an attempt that has
    been decided meanwhile changes nothing but the counts.
    """
    convicted = acquitted = 0
    stopped: list[Stop] = []
    cleared: list[StopReason] = []
    visible: dict[RecordId, str] = {}
    for settlement in settlements:
        one, outcome = settlement.claim, settlement.outcome
        row = rows.load(connection, one.record_id)
        was_suspect = row.state.block is Block.SUSPECT
        row = _settle_one(connection, row, settlement, now)
        visible[one.record_id] = visible_state(row.state)
        # In the month of the claim: what is given back on the first was counted on the last.
        _meter_write(connection, meter.connection, meters.month_of(one.claimed_at), one, outcome.calls - 1)
        if settlement.stop is not None and pipelines.stop(connection, one.pipeline, settlement.stop):
            stopped.append(settlement.stop)
        if outcome.family is Family.DELIVERED:
            reason = _resume_after_success(connection, one, now, was_suspect=was_suspect)
            if reason is not None:
                cleared.append(reason)
            if reason is None:
                convicted += _judge_suspects(connection, one.pipeline, one.operation, Convicted(), now)
            else:
                # Of both operations: they were refused for one cause.
                for operation in Operation:
                    acquitted += _judge_suspects(connection, one.pipeline, operation, Acquitted(now), now)
    return SettleReport(convicted, acquitted, tuple(stopped), tuple(cleared), visible)


def _resume_after_success(
    connection: sqlite3.Connection, one: Claim, now: datetime, *, was_suspect: bool
) -> StopReason | None:
    stop = pipelines.view(connection, one.pipeline).stop
    # What a delivered call disproves; a form found full, or a search that shows nothing, it does not.
    disproved = (
        StopReason.CREDENTIALS,
        StopReason.PERMISSION,
        StopReason.CONFIGURATION,
        StopReason.ALL_REFUSED,
        StopReason.QUOTA,
        StopReason.CAPACITY,
    )
    if stop is None or stop.is_own_quota or stop.reason not in disproved:
        return None
    if stop.reason is StopReason.ALL_REFUSED and not was_suspect:
        other = Operation.CREATE if one.operation is Operation.UPDATE else Operation.UPDATE
        if not _suspects(connection, one.pipeline, one.operation) and _suspects(
            connection, one.pipeline, other
        ):
            return None  # it is the other operation that is refused; this one says nothing about it
    return pipelines.resume(connection, one.pipeline, now)


def _settle_one(
    connection: sqlite3.Connection, row: RecordRow, settlement: Settlement, now: datetime
) -> RecordRow:
    one, outcome = settlement.claim, settlement.outcome
    before = row.state
    row = rows.apply(connection, row, settlement.event, now)
    if row.state == before:
        return row
    connection.execute(
        f"""UPDATE attempts SET outcome = ?, settled_ms = ?, code = ?, message = ?, request_id = ?,
                settled_after = {NEWEST_ATTEMPT} WHERE id = ?""",  # noqa: S608 - constant
        (outcome.family, to_ms(now), outcome.code, outcome.message, outcome.request_id, one.attempt_id),
    )
    if row.state.attempt is None and outcome.family is Family.DELIVERED:
        _bind_delivered(connection, row, one)
    elif outcome.family is Family.GONE and one.instance_id is not None:
        mark_gone(connection, row.form, one.instance_id)
    row = holdings.agree(connection, row, now)
    if row.state.block in (Block.SUSPECT, Block.PARKED):
        connection.execute(
            "UPDATE records SET block_detail = ? WHERE id = ?", (outcome.message, one.record_id)
        )
        event = HistoryEvent.SUSPECTED if row.state.block is Block.SUSPECT else HistoryEvent.PARKED
        history.note(
            connection, now, row.pipeline, event, row.record_id, code=outcome.code, message=outcome.message
        )
    return row


def _bind_delivered(connection: sqlite3.Connection, row: RecordRow, one: Claim) -> None:
    """Remember which instance holds the record now, under which key, and with which content."""
    holdings.sent(connection, row.record_id, one.operation, is_answered=True)
    connection.execute(
        """INSERT INTO instances (form, instance_id, record_id, pipeline, key, origin, created_ms, attempt_id)
           VALUES (?, ?, ?, ?, ?, 'created', ?, ?)
           ON CONFLICT (form, instance_id) DO UPDATE SET key = excluded.key, role = 'bound'
               WHERE record_id = excluded.record_id""",
        (
            row.form,
            row.state.instance_id,
            row.record_id,
            row.pipeline,
            one.key,
            to_ms(one.claimed_at),
            one.attempt_id,
        ),
    )


def note_key(connection: sqlite3.Connection, form: str, instance_id: InstanceId, key: str) -> None:
    """Remember the key that an instance shows now."""
    connection.execute(
        "UPDATE instances SET key = ? WHERE form = ? AND instance_id = ?", (key, form, instance_id)
    )


def mark_gone(connection: sqlite3.Connection, form: str, instance_id: InstanceId) -> None:
    """Remember that an instance is no longer in Yida: it is no witness and no match."""
    connection.execute(
        "UPDATE instances SET role = 'gone' WHERE form = ? AND instance_id = ?", (form, instance_id)
    )


def _judge_suspects(
    connection: sqlite3.Connection,
    pipeline: str,
    operation: Operation,
    event: Convicted | Acquitted,
    now: datetime,
) -> int:
    suspects = _suspects(connection, pipeline, operation)
    for suspect in suspects:
        row = rows.load(connection, suspect)
        after = rows.apply(connection, row, event, now)
        what = HistoryEvent.PARKED if after.state.block is Block.PARKED else HistoryEvent.ACQUITTED
        history.note(connection, now, pipeline, what, row.record_id, code=row.state.block_reason)
    return len(suspects)


def probe_due(connection: sqlite3.Connection, pipeline: str, operation: Operation) -> tuple[Stop | None, int]:
    """The pipeline's stop, if it stands still, and how many suspects of this operation there are."""
    return pipelines.view(connection, pipeline).stop, len(_suspects(connection, pipeline, operation))
