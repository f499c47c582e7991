"""The fault matrix as data: which faults there are, what each meets, and what must come of it.

The suite runs these cells, and the table in ``tests/README.md`` is made of them (:mod:`tests.matrix.table`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from xmsyncd.records import Family, StopReason
from xmsyncd.simulator.counters import Operation as Call
from xmsyncd.simulator.counters import Vendor


class Op(StrEnum):
    """A column: one kind of call."""

    OKKI_TOKEN = "okki token"
    LIST = "list"
    DETAIL = "detail"
    GROUPS = "groups"
    YIDA_TOKEN = "yida token"
    START = "start"
    UPDATE = "update"
    SEARCH = "search"
    GET = "get"

    @property
    def vendor(self) -> Vendor:
        return Vendor.OKKI if self in OKKI else Vendor.YIDA

    @property
    def call(self) -> Call:
        """What the simulator calls it."""
        return Call.TOKEN if self.is_token else Call(self.value)

    @property
    def endpoint(self) -> str:
        """What the metrics call it."""
        return "token" if self.is_token else "info" if self is Op.DETAIL else self.value

    @property
    def is_token(self) -> bool:
        return self in (Op.OKKI_TOKEN, Op.YIDA_TOKEN)

    @property
    def is_write(self) -> bool:
        return self in WRITES


OKKI = (Op.OKKI_TOKEN, Op.LIST, Op.DETAIL, Op.GROUPS)
YIDA = (Op.YIDA_TOKEN, Op.START, Op.UPDATE, Op.SEARCH, Op.GET)
WRITES = (Op.START, Op.UPDATE)
LOOKS = (Op.SEARCH, Op.GET)


class Pattern(StrEnum):
    """How often a fault strikes."""

    ONCE = "once"
    SOME = "5 %"
    OUTAGE = "outage"


class End(StrEnum):
    """What must have come of it when the fault is gone; in any case nothing is lost and nothing doubled."""

    DELIVERED = "delivered"
    """Every product in Yida once with its latest content, by itself."""
    STOPPED = "stopped"
    """The pipeline (or the cycle) stood still with the reason, and went on by itself: then as above."""
    PARKED = "parked"
    """Records that were struck are listed with the reason, the others delivered; a retry delivers them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A row: one kind of fault.

    ``families``: what the end of a struck call counts as in ``xmsyncd_answers_total``, for a write and for
    everything else. ``result``: what it counts as in ``xmsyncd_http_requests_total``. ``fault`` are the
    properties for the simulator; None takes the vendor off the network.
    """

    name: str
    fault: Mapping[str, Any] | None
    ops: tuple[Op, ...]
    families: tuple[Family | None, Family]
    result: str
    end: End = End.DELIVERED
    stop: StopReason | None = None
    patterns: tuple[Pattern, ...] = tuple(Pattern)
    without: Mapping[Op | Pattern, str] = field(default_factory=dict)
    """Why an operation or a pattern is left out."""
    seen: bool = True
    """Whether the struck calls can be told by their ends (a slow answer is a good one)."""

    def family(self, op: Op) -> Family:
        """What a struck call of this operation counts as."""
        written, read = self.families
        return written if op.is_write and written is not None else read

    def reason_against(self, op: Op) -> str | None:
        """Why there is no such cell; None where there is one."""
        if op in self.without:
            return self.without[op]
        if op in self.ops:
            return None
        mine = {one.vendor for one in self.ops}
        return OTHER_VENDOR if op.vendor not in mine else NOT_ITS_CALL


OTHER_VENDOR = "the other vendor does not answer like this"
NOT_ITS_CALL = "this call cannot meet it"
_TOKEN_NOT_STALE = "there is no token yet that could be stale"
_NOT_STORED = "nothing is carried out that could get lost"
_WHOLE_VENDOR = "all calls of the vendor at once: in the column of its main call"
_ONE_AND_ALL = "a line that is down is down for every call: only as an outage"
_BLOCKED_ALL = "blocks every call of the address: once is an outage of that length"
_EMPTY_UPDATE = "an empty body is how an update succeeds"
_SMALL = "only a write is judged by its content"

_LOST = (Family.UNDECIDED, Family.UNDECIDED)
_PAGE = (Family.UNDECIDED, Family.TRY_LATER)
_THROTTLED = (Family.THROTTLED, Family.THROTTLED)
_STOP = (Family.STOP, Family.STOP)
_LATER = (Family.TRY_LATER, Family.TRY_LATER)
_STALE = (Family.REAUTHENTICATE, Family.REAUTHENTICATE)
_WELL = (Family.DELIVERED, Family.DELIVERED)

_ALL = (*OKKI, *YIDA)
_FORM = (Op.START, Op.UPDATE, Op.SEARCH)
_AUTHORISED_OKKI = (Op.LIST, Op.DETAIL, Op.GROUPS)
_AUTHORISED_YIDA = (Op.START, Op.UPDATE, Op.SEARCH, Op.GET)
_HANG = 4.0
"""Seconds; longer than the time-out of a call here."""


KINDS: tuple[Kind, ...] = (
    # The network, of either vendor
    Kind(
        name="connection refused",
        fault=None,
        ops=(Op.LIST, Op.START),
        families=(Family.NOT_SENT, Family.NOT_SENT),
        result="not_sent",
        patterns=(Pattern.OUTAGE,),
        without={
            Pattern.ONCE: _ONE_AND_ALL,
            Pattern.SOME: _ONE_AND_ALL,
            **dict.fromkeys((op for op in Op if op not in (Op.LIST, Op.START)), _WHOLE_VENDOR),
        },
    ),
    Kind(
        name="reset, not carried out",
        fault={"name": "dropped_before"},
        ops=_ALL,
        families=_LOST,
        result="lost",
    ),
    Kind(name="reset, carried out", fault={"name": "lost_reset"}, ops=_ALL, families=_LOST, result="lost"),
    Kind(
        name="no answer, not carried out",
        fault={"name": "hang_before", "seconds": _HANG},
        ops=_ALL,
        families=_LOST,
        result="lost",
    ),
    Kind(
        name="no answer, carried out",
        fault={"name": "lost_timeout", "seconds": _HANG},
        ops=_ALL,
        families=_LOST,
        result="lost",
    ),
    Kind(
        name="ends within the body",
        fault={"name": "truncated_body"},
        ops=tuple(op for op in _ALL if op is not Op.UPDATE),
        families=_LOST,
        result="lost",
        without={Op.UPDATE: _EMPTY_UPDATE},
    ),
    Kind(
        name="trickles beyond the time-out",
        fault={"name": "trickle", "seconds": _HANG},
        ops=tuple(op for op in _ALL if op is not Op.UPDATE),
        families=_LOST,
        result="lost",
        without={Op.UPDATE: _EMPTY_UPDATE},
    ),
    Kind(
        name="slow",
        fault={"name": "slow", "seconds": 0.3},
        ops=_ALL,
        families=_WELL,
        result="2xx",
        seen=False,
    ),
    # Something before the application answers
    Kind(
        name="502 page, not carried out", fault={"name": "html_502"}, ops=_ALL, families=_PAGE, result="5xx"
    ),
    Kind(name="502 page, carried out", fault={"name": "lost_502"}, ops=_ALL, families=_PAGE, result="5xx"),
    Kind(name="200 page", fault={"name": "html_502", "status": 200}, ops=_ALL, families=_PAGE, result="2xx"),
    Kind(
        name="empty body",
        fault={"name": "empty_body"},
        ops=tuple(op for op in _ALL if op is not Op.UPDATE),
        families=_PAGE,
        result="2xx",
        without={Op.UPDATE: _EMPTY_UPDATE},
    ),
    Kind(
        name="half of the JSON",
        fault={"name": "truncated_json"},
        ops=tuple(op for op in _ALL if op is not Op.UPDATE),
        families=_PAGE,
        result="2xx",
        without={Op.UPDATE: _EMPTY_UPDATE},
    ),
    Kind(
        name="JSON called HTML",
        fault={"name": "wrong_type"},
        ops=_ALL,
        families=_WELL,
        result="2xx",
        seen=False,
    ),
    Kind(
        name="unknown code in HTTP 200",
        fault={"name": "error_in_200", "code": "12345"},
        ops=_ALL,
        families=_PAGE,
        result="2xx",
    ),
    # DingTalk's gateway and Yida
    Kind(
        name="app limit (403)",
        fault={"name": "throttle_app"},
        ops=YIDA,
        families=_THROTTLED,
        result="4xx",
    ),
    Kind(
        name="global limit (403)", fault={"name": "throttle_api"}, ops=YIDA, families=_THROTTLED, result="4xx"
    ),
    Kind(
        name="minute limit (403)",
        fault={"name": "throttle_minute"},
        ops=YIDA,
        families=_THROTTLED,
        result="4xx",
    ),
    Kind(name="systemBusy (429)", fault={"name": "system_busy"}, ops=YIDA, families=_THROTTLED, result="4xx"),
    Kind(
        name="requestTooFast (400)",
        fault={"name": "too_fast"},
        ops=_AUTHORISED_YIDA,
        families=_THROTTLED,
        result="4xx",
    ),
    Kind(
        name="tooManyVisitors (500)",
        fault={"name": "too_many_visitors", "status": 500},
        ops=_AUTHORISED_YIDA,
        families=_THROTTLED,
        result="5xx",
    ),
    Kind(
        name="address block (1111)",
        fault={"name": "ip_block", "seconds": 1.5},
        ops=YIDA,
        families=_THROTTLED,
        result="2xx",
        patterns=(Pattern.ONCE,),
        without=dict.fromkeys((Pattern.SOME, Pattern.OUTAGE), _BLOCKED_ALL),
    ),
    Kind(
        name="address block (page)",
        fault={"name": "ip_block", "seconds": 1.5, "variant": "html"},
        ops=YIDA,
        families=_THROTTLED,
        result="2xx",
        patterns=(Pattern.ONCE,),
        without=dict.fromkeys((Pattern.SOME, Pattern.OUTAGE), _BLOCKED_ALL),
    ),
    Kind(
        name="stale token (400)",
        fault={"name": "stale_token"},
        ops=_AUTHORISED_YIDA,
        families=_STALE,
        result="4xx",
        without={Op.YIDA_TOKEN: _TOKEN_NOT_STALE},
    ),
    Kind(
        name="stale token (bare 401)",
        fault={"name": "stale_token", "variant": "bare"},
        ops=_AUTHORISED_YIDA,
        families=_STALE,
        result="4xx",
        without={Op.YIDA_TOKEN: _TOKEN_NOT_STALE},
    ),
    Kind(
        name="stale token (errcode 88)",
        fault={"name": "stale_token", "variant": "legacy"},
        ops=_AUTHORISED_YIDA,
        families=_STALE,
        result="2xx",
        without={Op.YIDA_TOKEN: _TOKEN_NOT_STALE},
    ),
    Kind(name="form busy", fault={"name": "form_busy"}, ops=_FORM, families=_LATER, result="4xx"),
    Kind(
        name="innerError (500), not carried out",
        fault={"name": "ambiguous_500"},
        ops=YIDA,
        families=_PAGE,
        result="5xx",
    ),
    Kind(
        name="innerError (500), carried out",
        fault={"name": "ambiguous_500", "variant": "executed"},
        ops=WRITES,
        families=_PAGE,
        result="5xx",
        without=dict.fromkeys((Op.YIDA_TOKEN, *LOOKS), _NOT_STORED),
    ),
    Kind(name="success: false", fault={"name": "success_false_200"}, ops=YIDA, families=_PAGE, result="2xx"),
    Kind(name="unknown code (400)", fault={"name": "coded"}, ops=YIDA, families=_PAGE, result="4xx"),
    Kind(
        name="permission (403)",
        fault={"name": "permission"},
        ops=YIDA,
        families=_STOP,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.PERMISSION,
    ),
    Kind(
        name="wrong app secret",
        fault={"name": "coded", "code": "invalidClientIdOrSecret"},
        ops=(Op.YIDA_TOKEN,),
        families=_STOP,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.CREDENTIALS,
        without=dict.fromkeys(_AUTHORISED_YIDA, "the secret goes only to the token call"),
    ),
    Kind(
        name="wrong systemToken",
        fault={"name": "coded", "code": "invalidParameter.parameter.accessKeyNotMatch"},
        ops=_AUTHORISED_YIDA,
        families=_STOP,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.CREDENTIALS,
    ),
    Kind(
        name="form not found",
        fault={"name": "coded", "code": "invalidState.form.formNotExist"},
        ops=_AUTHORISED_YIDA,
        families=_STOP,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.CONFIGURATION,
    ),
    Kind(
        name="a record refused",
        fault={"name": "refuse"},
        ops=WRITES,
        families=(Family.REFUSED, Family.REFUSED),
        result="4xx",
        end=End.PARKED,
        patterns=(Pattern.ONCE, Pattern.SOME),
        without={
            **dict.fromkeys((Op.YIDA_TOKEN, *LOOKS), _SMALL),
            Pattern.OUTAGE: "the next row",
        },
    ),
    Kind(
        name="everything refused",
        fault={"name": "refuse"},
        ops=WRITES,
        families=(Family.REFUSED, Family.REFUSED),
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.ALL_REFUSED,
        patterns=(Pattern.OUTAGE,),
        without={
            **dict.fromkeys((Op.YIDA_TOKEN, *LOOKS), _SMALL),
            **dict.fromkeys((Pattern.ONCE, Pattern.SOME), "the row before"),
        },
    ),
    Kind(
        name="search finds nothing",
        fault={"name": "search_blind"},
        ops=(Op.SEARCH,),
        families=_WELL,
        result="2xx",
        seen=False,
    ),
    # OKKI
    Kind(
        name="throttle text in HTTP 200",
        fault={"name": "okki_throttle_200"},
        ops=OKKI,
        families=_THROTTLED,
        result="2xx",
    ),
    Kind(name="429", fault={"name": "okki_429"}, ops=OKKI, families=_THROTTLED, result="4xx"),
    Kind(
        name="429 with Retry-After",
        fault={"name": "okki_429", "seconds": 1},
        ops=OKKI,
        families=_THROTTLED,
        result="4xx",
    ),
    Kind(
        name="code 500 in HTTP 200",
        fault={"name": "okki_server_error"},
        ops=OKKI,
        families=_LATER,
        result="2xx",
    ),
    Kind(
        name="HTTP 503",
        fault={"name": "okki_server_error", "status": 503},
        ops=OKKI,
        families=_LATER,
        result="5xx",
    ),
    Kind(
        name="server_error",
        fault={"name": "okki_oauth", "code": "server_error"},
        ops=OKKI,
        families=_LATER,
        result="4xx",
    ),
    Kind(
        name="access_denied (401)",
        fault={"name": "stale_token", "api": "okki"},
        ops=_AUTHORISED_OKKI,
        families=_STALE,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.CREDENTIALS,
        without={Op.OKKI_TOKEN: _TOKEN_NOT_STALE},
    ),
    Kind(
        name="code 401 in HTTP 200",
        fault={"name": "stale_token", "api": "okki", "variant": "in_200"},
        ops=_AUTHORISED_OKKI,
        families=_STALE,
        result="2xx",
        end=End.STOPPED,
        stop=StopReason.CREDENTIALS,
        without={Op.OKKI_TOKEN: _TOKEN_NOT_STALE},
    ),
    Kind(
        name="invalid_client",
        fault={"name": "okki_oauth"},
        ops=(Op.OKKI_TOKEN,),
        families=_STOP,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.CREDENTIALS,
        without=dict.fromkeys(_AUTHORISED_OKKI, "the secret goes only to the token call"),
    ),
    Kind(
        name="invalid_scope (403)",
        fault={"name": "okki_oauth", "code": "invalid_scope", "status": 403},
        ops=OKKI,
        families=_STOP,
        result="4xx",
        end=End.STOPPED,
        stop=StopReason.PERMISSION,
    ),
    Kind(
        name="404 in HTTP 200",
        fault={"name": "error_in_200", "api": "okki", "code": "404"},
        ops=OKKI,
        families=(Family.REFUSED, Family.REFUSED),
        result="2xx",
    ),
    Kind(
        name="pages drift",
        fault={"name": "page_drift", "every": 1},
        ops=(Op.LIST,),
        families=_WELL,
        result="2xx",
        seen=False,
    ),
    Kind(
        name="the total lies",
        fault={"name": "lying_total", "amount": 3},
        ops=(Op.LIST,),
        families=_WELL,
        result="2xx",
        seen=False,
    ),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault, one operation, one pattern."""

    kind: Kind
    op: Op
    pattern: Pattern

    def __str__(self) -> str:
        return f"{self.kind.name} × {self.op} × {self.pattern}"


def cells_of(kind: Kind) -> Iterator[Cell]:
    """The cells of a row."""
    for op in Op:
        for pattern in Pattern:
            if kind.reason_against(op) is None and pattern in kind.patterns:
                yield Cell(kind, op, pattern)
