"""What people ask of the ledger: read-only questions, answered in plain JSON (times as ISO 8601 in UTC).

Every function runs inside one transaction of :meth:`xmsyncd.ledger.Ledger.read`, so what one caller asks
for together fits together. The frequent ones stay on an index: 100,000 records cost milliseconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from xmsyncd.ledger.states import FAILED_STATES, VisibleState
from xmsyncd.ledger.times import from_ms
from xmsyncd.ledger.wording import group_name, normal

Json = dict[str, Any]

# The reason of a record that did not go through; `failures retry --reason` selects by the same.
_REASON = "COALESCE(NULLIF(block_reason, ''), rejection, state)"

# Whether a person may let it through: a rule rejected it, not the mapping.
_ACCEPTABLE = """state = 'rejected' AND EXISTS (
    SELECT 1 FROM contents c, json_each(c.findings) one
    WHERE c.record_id = records.id AND json_extract(one.value, '$.result') = 'rejected')"""

_MOST_GROUPS = 200


def backlog(connection: sqlite3.Connection, pipeline: str) -> dict[str, int]:
    """How many records are in each state; every :class:`VisibleState` is there, also with 0."""
    counted: dict[str, int] = {state.value: 0 for state in VisibleState}
    for row in connection.execute(
        "SELECT state, count(*) AS number FROM records WHERE pipeline = ? GROUP BY state", (pipeline,)
    ):
        counted[row["state"]] = row["number"]
    return counted


@dataclass(frozen=True, slots=True)
class OldestAges:
    """How long the oldest record has been pending, and how long ago the oldest undecided one was sent."""

    pending: timedelta | None
    undecided: timedelta | None


def oldest_ages(connection: sqlite3.Connection, pipeline: str, now: datetime) -> OldestAges:
    """Ages at ``now``, never negative; ``None`` where there is no such record."""
    pending, undecided = (
        connection.execute(
            f"SELECT min({column}) AS ms FROM records WHERE pipeline = ? AND state = ?",  # noqa: S608 - constant columns
            (pipeline, state),
        ).fetchone()["ms"]
        for state, column in ((VisibleState.PENDING, "desired_ms"), (VisibleState.UNDECIDED, "sent_ms"))
    )
    return OldestAges(_age(pending, now), _age(undecided, now))


def _age(ms: int | None, now: datetime) -> timedelta | None:
    return None if ms is None else max(timedelta(0), now - from_ms(ms))


def recent_cycles(connection: sqlite3.Connection, pipeline: str, limit: int) -> list[Json]:
    """The latest cycles, newest first, with what each decided; ``finished`` is ``None`` for one that runs."""
    rows = connection.execute(
        "SELECT * FROM cycles WHERE pipeline = ? ORDER BY id DESC LIMIT ?", (pipeline, limit)
    ).fetchall()
    return [
        {
            "id": row["id"],
            "kind": row["kind"],
            "started": iso(row["started_ms"]),
            "finished": iso(row["finished_ms"]),
            "seconds": None
            if row["finished_ms"] is None
            else round((row["finished_ms"] - row["started_ms"]) / 1000, 3),
            "start": iso(row["start_ms"]),
            "end": iso(row["end_ms"]),
            "watermark": iso(row["watermark_ms"]),
            "result": row["result"],
            "detail": row["detail"],
            "cannot_work": row["cannot_work"],
            "proof": row["proof"],
            "pages": row["pages"],
            "read": row["items_read"],
            "repeats": row["repeats"],
            "filtered": row["filtered"],
            "detail_calls": row["details"],
            "balance": row["balance"],
            "decisions": {
                one["decision"]: one["records"]
                for one in connection.execute(
                    "SELECT decision, records FROM cycle_decisions WHERE cycle_id = ?", (row["id"],)
                )
            },
        }
        for row in rows
    ]


def last_balance(connection: sqlite3.Connection, pipeline: str) -> int:
    """The balance of the latest cycle that ended; 0 before the first."""
    row = connection.execute(
        "SELECT balance FROM cycles WHERE pipeline = ? AND finished_ms IS NOT NULL ORDER BY id DESC LIMIT 1",
        (pipeline,),
    ).fetchone()
    return 0 if row is None else int(row["balance"] or 0)


def gaps(connection: sqlite3.Connection, pipeline: str, *, passed_only: bool = True) -> list[Json]:
    """The listed gaps, oldest first: stretches that stayed unproven so long that the watermark passed them.

    Without ``passed_only`` also those that still hold the watermark.
    """
    return [
        {
            "start": iso(row["start_ms"]),
            "end": iso(row["end_ms"]),
            "cycles": row["cycles"],
            "first": iso(row["first_ms"]),
            "passed": bool(row["passed"]),
        }
        for row in connection.execute(
            "SELECT * FROM gaps WHERE pipeline = ? AND passed >= ? ORDER BY start_ms",
            (pipeline, int(passed_only)),
        )
    ]


def deleted(connection: sqlite3.Connection, pipeline: str) -> Json:
    """How many products OKKI has let go, and since when: ``count, first, last``."""
    row = connection.execute(
        """SELECT count(*) AS number, min(deleted_ms) AS first_ms, max(deleted_ms) AS last_ms FROM records
           WHERE pipeline = ? AND deleted_ms IS NOT NULL""",
        (pipeline,),
    ).fetchone()
    return {"count": row["number"], "first": iso(row["first_ms"]), "last": iso(row["last_ms"])}


def left_out(connection: sqlite3.Connection, pipeline: str) -> Json:
    """How many products ``where`` leaves out at present, and how many of these are ``set_aside``.

    One scan of the pipeline's records: 0.1 s for 100,000 that are all left out (measured).
    """
    row = connection.execute(
        """SELECT count(*) AS filtered, sum(state = 'discarded') AS set_aside FROM records
           WHERE pipeline = ? AND filtered_by IS NOT NULL""",
        (pipeline,),
    ).fetchone()
    return {"filtered": row["filtered"], "set_aside": row["set_aside"] or 0}


def set_aside(connection: sqlite3.Connection, pipeline: str) -> int:
    """How many of the discarded ones nobody discarded: ``where`` leaves them out, and Yida never had them."""
    return int(left_out(connection, pipeline)["set_aside"])


# Since when a record is in its state. Parking leaves its time in the history only.
_SINCE = """CASE state
    WHEN 'undecided' THEN sent_ms
    WHEN 'sending' THEN sent_ms
    WHEN 'rejected' THEN desired_ms
    WHEN 'pending' THEN desired_ms
    WHEN 'delivered' THEN delivered_ms
    WHEN 'held' THEN guard_ms
    ELSE COALESCE((SELECT max(h.at_ms) FROM history h WHERE h.record_id = records.id
                   AND h.event IN ('parked', 'waiting', 'discarded')), desired_ms)
END"""


def failure_groups(
    connection: sqlite3.Connection, pipeline: str, states: Sequence[str] = FAILED_STATES
) -> list[Json]:
    """What did not go through, by state and reason, most frequent first.

    Each: ``state, reason, count, first, last`` (since when), ``sample`` (a key, else an OKKI id).
    """
    found = connection.execute(
        f"""SELECT state, reason, count(*) AS number, min(since) AS first_ms, max(since) AS last_ms,
                min(sample) AS sample
            FROM (SELECT state, {_REASON} AS reason, {_SINCE} AS since, COALESCE(key, source_id) AS sample
                  FROM records WHERE pipeline = ? AND state IN ({_marks(states)}))
            GROUP BY state, reason ORDER BY number DESC, state, reason LIMIT ?""",  # noqa: S608 - constant parts
        (pipeline, *states, _MOST_GROUPS),
    )
    return [
        {
            "state": row["state"],
            "reason": row["reason"],
            "count": row["number"],
            "first": iso(row["first_ms"]),
            "last": iso(row["last_ms"]),
            "sample": row["sample"],
        }
        for row in found
    ]


@dataclass(frozen=True, slots=True)
class Failed:
    """A record that did not go through, with the group it belongs to."""

    record_id: int
    state: str
    reason: str
    group: str
    component: str | None
    message: str
    """What the record's detail says, without the values in it."""
    key: str | None
    source_id: str
    detail: str
    since_ms: int


def failed_after(
    connection: sqlite3.Connection, pipeline: str, states: Sequence[str], after: int, limit: int
) -> list[Failed]:
    """The next so many of them, by number: however many there are, no one transaction is long."""
    found = connection.execute(
        f"""SELECT id, state, {_REASON} AS reason, key, source_id, {_SINCE} AS since,
                CASE WHEN state = 'rejected' THEN rejection_component END AS component,
                CASE WHEN state = 'rejected' THEN rejection_detail ELSE block_detail END AS detail
            FROM records WHERE pipeline = ? AND state IN ({_marks(states)}) AND id > ?
            ORDER BY id LIMIT ?""",  # noqa: S608 - constant parts
        (pipeline, *states, after, limit),
    )
    return [_failed(row) for row in found]


def _group_of(row: sqlite3.Row) -> str:
    rejected = row["state"] == VisibleState.REJECTED
    detail = row["rejection_detail"] if rejected else row["block_detail"]
    component = row["rejection_component"] if rejected else None
    return group_name(row["reason"], component, normal(detail, row["key"], row["source_id"]))


def _failed(row: sqlite3.Row) -> Failed:
    message = normal(row["detail"], row["key"], row["source_id"])
    return Failed(
        record_id=row["id"],
        state=row["state"],
        reason=row["reason"],
        group=group_name(row["reason"], row["component"], message),
        component=row["component"],
        message=message,
        key=row["key"],
        source_id=row["source_id"],
        detail=row["detail"],
        since_ms=row["since"],
    )


def is_acceptable(connection: sqlite3.Connection, record_id: int) -> bool:
    """Whether a person may accept the record as it is: a rule alone rejected it."""
    sql = f"SELECT {_ACCEPTABLE} FROM records WHERE id = ?"  # noqa: S608 - constant parts
    return bool(connection.execute(sql, (record_id,)).fetchone()[0])


def name_of(connection: sqlite3.Connection, record_id: int, component: str | None) -> str:
    """What people call the product: OKKI's name where its item was kept, else what the component holds."""
    row = connection.execute("SELECT raw, content FROM contents WHERE record_id = ?", (record_id,)).fetchone()
    raw, content = _loaded(row["raw"]), _loaded(row["content"])
    name = raw.get("name") if isinstance(raw, dict) else None
    if name is None and isinstance(content, dict) and component is not None:
        name = content.get(component)
    if name is None or isinstance(name, str):
        return name or ""
    return json.dumps(name, ensure_ascii=False)  # what ought to be a text and is none


def failures(
    connection: sqlite3.Connection,
    pipeline: str,
    *,
    states: Sequence[str] = FAILED_STATES,
    reason: str | None = None,
    record_ids: Sequence[int] | None = None,
    limit: int = 1000,
    offset: int = 0,
) -> list[Json]:
    """The records that did not go through, one by one, in the order in which the ledger met them.

    Only those of ``record_ids``, where they are named; each with its ``group``, and whether it is
    ``acceptable``: a rule alone rejected it.
    """
    found = connection.execute(
        f"""SELECT id, key, source_id, state, {_REASON} AS reason, {_SINCE} AS since,
                rejection, rejection_detail, rejection_component, block_detail, tries, resends, looks, due_ms,
                operation, sent_key, instance_id, {_ACCEPTABLE} AS acceptable
            FROM records WHERE pipeline = ? AND state IN ({_marks(states)}) AND (? IS NULL OR {_REASON} = ?)
                AND (? OR id IN (SELECT value FROM json_each(?)))
            ORDER BY id LIMIT ? OFFSET ?""",  # noqa: S608 - constant parts
        (
            pipeline,
            *states,
            reason,
            reason,
            record_ids is None,
            json.dumps([] if record_ids is None else [*record_ids]),
            limit,
            offset,
        ),
    )
    return [
        {
            "record_id": row["id"],
            "group": _group_of(row),
            "key": row["key"],
            "source_id": row["source_id"],
            "state": row["state"],
            "reason": row["reason"],
            "detail": row["rejection_detail"]
            if row["state"] == VisibleState.REJECTED
            else row["block_detail"],
            "component": row["rejection_component"] if row["rejection"] is not None else None,
            "since": iso(row["since"]),
            "tries": row["tries"],
            "resends": row["resends"],
            "looks": row["looks"],
            "due_at": iso(row["due_ms"]),
            "operation": row["operation"],
            "sent_key": row["sent_key"],
            "acceptable": bool(row["acceptable"]),
            "instance_id": row["instance_id"],
        }
        for row in found
    ]


def explain(
    connection: sqlite3.Connection,
    pipeline: str,
    name: str,
    *,
    attempts: int = 50,
    events: int = 200,
) -> list[Json]:
    """The life of every record that a person may mean by ``name``: a key, an OKKI id or an instance id.

    Usually one; two products that claim one key are two. The key of an open create counts as well. Each:
    ``record`` (its row, and whether it is ``acceptable``), ``cost`` (its metered calls: creates, updates,
    looks, calls), ``desired``, ``delivered`` and ``sent`` (form data by component id, or ``None``),
    ``raw`` (the item of a rejected one), ``findings`` (of rules), ``instances``, ``attempts`` and ``history``
    (newest first, the latest so many).
    """
    found = connection.execute(
        """SELECT id FROM records WHERE pipeline = :pipeline AND source_id = :name
           UNION SELECT r.id FROM records r JOIN pipelines p ON p.name = :pipeline
               WHERE r.form = p.form AND r.key = :name AND r.pipeline = :pipeline
           UNION SELECT k.record_id FROM keys k JOIN pipelines p ON p.name = :pipeline
               JOIN records r ON r.id = k.record_id AND r.pipeline = :pipeline
               WHERE k.form = p.form AND k.key = :name
           UNION SELECT i.record_id FROM instances i JOIN pipelines p ON p.name = :pipeline
               WHERE i.form = p.form AND i.instance_id = :name AND i.pipeline = :pipeline
           ORDER BY 1""",
        {"pipeline": pipeline, "name": name},
    ).fetchall()
    return [_life(connection, row["id"], attempts, events) for row in found]


def _life(connection: sqlite3.Connection, record_id: int, attempts: int, events: int) -> Json:
    row = connection.execute(
        f"SELECT *, {_REASON} AS reason, {_SINCE} AS since FROM records WHERE id = ?",  # noqa: S608 - constant parts
        (record_id,),
    ).fetchone()
    contents = connection.execute("SELECT * FROM contents WHERE record_id = ?", (record_id,)).fetchone()
    return {
        "record": {**_plain_row(row), "acceptable": is_acceptable(connection, record_id)},
        "cost": {
            "creates": row["create_calls"],
            "updates": row["update_calls"],
            "looks": row["calls"] - row["create_calls"] - row["update_calls"],
            "calls": row["calls"],
        },
        "desired": _loaded(contents["content"]) if row["desired"] == "draft" else None,
        "delivered": _loaded(contents["delivered"]),
        "sent": _loaded(contents["sent"]),
        "raw": _loaded(contents["raw"]),
        "findings": _loaded(contents["findings"]) or [],
        "instances": [
            _plain_row(one)
            for one in connection.execute(
                """SELECT instance_id, key, origin, role, created_ms FROM instances
                   WHERE record_id = ? ORDER BY created_ms""",
                (record_id,),
            )
        ],
        "attempts": [
            _plain_row(one)
            for one in connection.execute(
                """SELECT a.id, a.operation, a.claimed_ms, a.settled_ms, a.outcome, a.code, a.message,
                       a.request_id, r.key, r.content_hash, r.instance_id
                   FROM attempt_records r JOIN attempts a ON a.id = r.attempt_id
                   WHERE r.record_id = ? ORDER BY a.id DESC LIMIT ?""",
                (record_id, attempts),
            )
        ],
        "history": [
            {"at": iso(one["at_ms"]), "event": one["event"], "detail": _loaded(one["detail"])}
            for one in connection.execute(
                "SELECT at_ms, event, detail FROM history WHERE record_id = ? ORDER BY id DESC LIMIT ?",
                (record_id, events),
            )
        ],
    }


def _plain_row(row: sqlite3.Row) -> Json:
    """The columns as they are; ``…_ms`` become ``…_at`` in ISO form."""
    return {
        f"{name.removesuffix('_ms')}_at" if name.endswith("_ms") else name: iso(row[name])
        if name.endswith("_ms") or name == "since"
        else row[name]
        for name in row.keys()  # noqa: SIM118 - iterating a Row gives its values
    }


def _loaded(text: str | None) -> Any:
    """JSON of the ledger as JSON that any program can write again.

    Rejected items are kept as they came: with lone surrogates and integers beyond 64 bits, which orjson
    refuses to write. The former become U+FFFD, the latter text.
    """
    return None if text is None else _writable(json.loads(text))


def _writable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case int() if not -(2**63) <= value < 2**64:
            return str(value)
        case dict():
            return {_writable(name): _writable(one) for name, one in value.items()}
        case list():
            return [_writable(one) for one in value]
        case _:
            return value


def iso(ms: int | None) -> str | None:
    """A time of the ledger for people and programs."""
    return None if ms is None else from_ms(ms).isoformat(timespec="milliseconds")


def _marks(values: Sequence[str]) -> str:
    return ",".join("?" for _ in values)
