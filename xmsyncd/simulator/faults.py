"""Faults that a test or a person switches on: which there are, and when each strikes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from xmsyncd.simulator.counters import Operation, Vendor


class FaultName(StrEnum):
    """Closed set; what each does stands in KINDS."""

    THROTTLE_APP = "throttle_app"
    THROTTLE_API = "throttle_api"
    THROTTLE_MINUTE = "throttle_minute"
    IP_BLOCK = "ip_block"
    TOO_FAST = "too_fast"
    TOO_MANY_VISITORS = "too_many_visitors"
    SYSTEM_BUSY = "system_busy"
    STALE_TOKEN = "stale_token"
    QUOTA_SPENT = "quota_spent"
    PERMISSION = "permission"
    FORM_BUSY = "form_busy"
    AMBIGUOUS_500 = "ambiguous_500"
    LOST_RESET = "lost_reset"
    LOST_TIMEOUT = "lost_timeout"
    LOST_502 = "lost_502"
    DROPPED_BEFORE = "dropped_before"
    HANG_BEFORE = "hang_before"
    HTML_502 = "html_502"
    ERROR_IN_200 = "error_in_200"
    SUCCESS_FALSE_200 = "success_false_200"
    EMPTY_BODY = "empty_body"
    TRUNCATED_JSON = "truncated_json"
    TRUNCATED_BODY = "truncated_body"
    TRICKLE = "trickle"
    WRONG_TYPE = "wrong_type"
    SLOW = "slow"
    REFUSE = "refuse"
    CODED = "coded"
    SEARCH_BLIND = "search_blind"
    OKKI_THROTTLE_200 = "okki_throttle_200"
    OKKI_429 = "okki_429"
    OKKI_SERVER_ERROR = "okki_server_error"
    OKKI_OAUTH = "okki_oauth"
    OKKI_HTML = "okki_html"
    OKKI_TRUNCATED = "okki_truncated"
    PAGE_DRIFT = "page_drift"
    LYING_TOTAL = "lying_total"


class Stage(StrEnum):
    """Where in a call a fault strikes."""

    BEFORE = "before"
    """Answered instead of executed."""
    AFTER = "after"
    """Executed and committed; the answer is spoilt. Only calls that would have succeeded are struck."""
    BESIDE = "beside"
    """The call is answered, but slower, or something happens beside it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault name means: its stage, whom it can strike, and one sentence for a person."""

    stage: Stage
    vendors: tuple[Vendor, ...]
    operations: frozenset[Operation] | None
    meaning: str


_YIDA: Final = (Vendor.YIDA,)
_OKKI: Final = (Vendor.OKKI,)
_BOTH: Final = (Vendor.YIDA, Vendor.OKKI)
_WRITES: Final = frozenset({Operation.START, Operation.UPDATE, Operation.SAVE})
_FORM_WORK: Final = _WRITES | {Operation.SEARCH, Operation.IDS, Operation.TERMINATE, Operation.DELETE}
_LOOKS: Final = frozenset({Operation.SEARCH, Operation.IDS})
_LIST: Final = frozenset({Operation.LIST})

KINDS: Final[Mapping[FaultName, Kind]] = {
    FaultName.THROTTLE_APP: Kind(Stage.BEFORE, _YIDA, None, "403, limit of this app on this API"),
    FaultName.THROTTLE_API: Kind(Stage.BEFORE, _YIDA, None, "403, limit of all tenants on this API"),
    FaultName.THROTTLE_MINUTE: Kind(Stage.BEFORE, _YIDA, None, "403, limit of a minute"),
    FaultName.IP_BLOCK: Kind(
        Stage.BEFORE,
        _YIDA,
        None,
        "every call is blocked for `seconds` (300): JSON 1111, or HTML (`variant` html)",
    ),
    FaultName.TOO_FAST: Kind(Stage.BEFORE, _YIDA, None, "400 failure.operation.requestTooFast"),
    FaultName.TOO_MANY_VISITORS: Kind(
        Stage.BEFORE, _YIDA, None, "failure.operation.tooManyVisitors with `status` 400 or 500"
    ),
    FaultName.SYSTEM_BUSY: Kind(Stage.BEFORE, _YIDA, None, "429 systemBusy"),
    FaultName.STALE_TOKEN: Kind(
        Stage.BEFORE,
        _BOTH,
        None,
        "Yida: 400 InvalidAuthentication (`variant` legacy, bare); OKKI: 401 (`variant` in_200)",
    ),
    FaultName.QUOTA_SPENT: Kind(Stage.BEFORE, _YIDA, None, "403, the organisation's month is spent"),
    FaultName.PERMISSION: Kind(Stage.BEFORE, _YIDA, None, "403, the app lacks a permission"),
    FaultName.FORM_BUSY: Kind(Stage.BEFORE, _YIDA, _FORM_WORK, "400, the form is being rebuilt"),
    FaultName.AMBIGUOUS_500: Kind(
        Stage.BEFORE, _YIDA, None, "500 innerError; executed all the same with `variant` executed"
    ),
    FaultName.LOST_RESET: Kind(Stage.AFTER, _BOTH, None, "committed, then the connection is reset"),
    FaultName.LOST_TIMEOUT: Kind(Stage.AFTER, _BOTH, None, "committed, then no answer for `seconds` (300)"),
    FaultName.LOST_502: Kind(Stage.AFTER, _BOTH, None, "committed, then 502 with HTML"),
    FaultName.DROPPED_BEFORE: Kind(Stage.BEFORE, _BOTH, None, "the connection is reset, nothing is executed"),
    FaultName.HANG_BEFORE: Kind(
        Stage.BEFORE, _BOTH, None, "no answer for `seconds` (300), nothing is executed"
    ),
    FaultName.HTML_502: Kind(Stage.BEFORE, _BOTH, None, "HTML with `status` (502), nothing is executed"),
    FaultName.ERROR_IN_200: Kind(Stage.BEFORE, _BOTH, None, "HTTP 200 that holds an error (Yida: errcode)"),
    FaultName.SUCCESS_FALSE_200: Kind(Stage.BEFORE, _YIDA, None, "HTTP 200 with success false"),
    FaultName.EMPTY_BODY: Kind(Stage.AFTER, _BOTH, None, "committed, HTTP 200 without a body"),
    FaultName.TRUNCATED_JSON: Kind(Stage.AFTER, _BOTH, None, "committed, HTTP 200 with half of the JSON"),
    FaultName.TRUNCATED_BODY: Kind(
        Stage.AFTER, _BOTH, None, "committed, the connection ends within the body"
    ),
    FaultName.TRICKLE: Kind(Stage.AFTER, _BOTH, None, "committed, the body takes `seconds` (10) to arrive"),
    FaultName.WRONG_TYPE: Kind(Stage.AFTER, _BOTH, None, "committed, the JSON is called text/html"),
    FaultName.SLOW: Kind(Stage.BESIDE, _BOTH, None, "`seconds` (1) later than usual"),
    FaultName.REFUSE: Kind(
        Stage.BEFORE,
        _YIDA,
        _WRITES,
        "400 with `code` (invalidState.form.invalidFormData) for records that `match`",
    ),
    FaultName.CODED: Kind(Stage.BEFORE, _YIDA, None, "`status` (400) with `code` (some.new.code)"),
    FaultName.SEARCH_BLIND: Kind(Stage.BESIDE, _YIDA, _LOOKS, "the search answers, and finds nothing"),
    FaultName.OKKI_THROTTLE_200: Kind(Stage.BEFORE, _OKKI, None, "HTTP 200 that says 请求过于频繁"),
    FaultName.OKKI_429: Kind(Stage.BEFORE, _OKKI, None, "HTTP 429, with Retry-After when `seconds` is given"),
    FaultName.OKKI_SERVER_ERROR: Kind(
        Stage.BEFORE, _OKKI, None, "HTTP 200 with body code 500; or HTTP `status`"
    ),
    FaultName.OKKI_OAUTH: Kind(
        Stage.BEFORE, _OKKI, None, "`status` (400) with error `code` (invalid_client)"
    ),
    FaultName.OKKI_HTML: Kind(Stage.BEFORE, _OKKI, None, "HTML of a gateway with `status` (502)"),
    FaultName.OKKI_TRUNCATED: Kind(Stage.AFTER, _OKKI, None, "HTTP 200 with half of the JSON"),
    FaultName.PAGE_DRIFT: Kind(Stage.BESIDE, _OKKI, _LIST, "an edit after every `every`th page (5)"),
    FaultName.LYING_TOTAL: Kind(
        Stage.BESIDE, _OKKI, _LIST, "the total is off by `amount` (3; may be negative)"
    ),
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that is switched on.

    It strikes calls of `operation` (`*`: every operation that it can strike but the token call, which must be
    named) with probability `rate` or, with `nth`, the first and then every nth of them; at most `times`
    times, after letting `after` of them pass. `match` restricts it to calls about business keys (of OKKI's
    details: product ids) that contain this text.
    """

    name: FaultName
    api: Vendor
    operation: Operation | None = None
    rate: float = 1.0
    times: int | None = None
    after: int = 0
    seconds: float | None = None
    status: int | None = None
    code: str | None = None
    match: str | None = None
    variant: str | None = None
    nth: int | None = None
    every: int = 5
    amount: int = 3
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    @property
    def stage(self) -> Stage:
        if self.name is FaultName.AMBIGUOUS_500 and self.variant == "executed":
            return Stage.AFTER
        return KINDS[self.name].stage

    def concerns(self, vendor: Vendor, operation: Operation, key: str | None) -> bool:
        if vendor is not self.api:
            return False
        if self.operation is None:
            possible = KINDS[self.name].operations
            if operation is Operation.TOKEN or (possible is not None and operation not in possible):
                return False
        elif operation is not self.operation:
            return False
        return self.match is None or (key is not None and self.match in key)

    def to_json(self) -> dict[str, Any]:
        shown = {each.name: getattr(self, each.name) for each in fields(self)}
        shown["operation"] = self.operation or "*"
        return shown


def fault_from_mapping(values: Mapping[str, Any]) -> Fault:
    """A fault from parsed JSON; `api` may be left out where the name tells it, and is `yida` otherwise.

    Raises ValueError with a sentence that says what is wrong.
    """
    known = {each.name for each in fields(Fault) if each.init}
    if unknown := sorted(values.keys() - known):
        raise ValueError(
            f"no such property of a fault: {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )
    given = dict(values)
    if given.get("name") not in list(FaultName):
        raise ValueError(f"no such fault: {given.get('name')!r}; there are {', '.join(FaultName)}")
    given["name"] = FaultName(given["name"])
    kind = KINDS[given["name"]]
    api = given.get("api") or kind.vendors[0]
    if api not in kind.vendors:
        raise ValueError(f"{given['name']} strikes {' and '.join(kind.vendors)}, not {api!r}")
    given["api"] = Vendor(api)
    operation = given.get("operation")
    if operation in (None, "*"):
        given["operation"] = None
    elif operation not in list(Operation) or (
        kind.operations is not None and operation not in kind.operations
    ):
        possible = sorted(kind.operations or Operation)
        raise ValueError(f"{given['name']} cannot strike {operation!r}; it can strike {', '.join(possible)}")
    else:
        given["operation"] = Operation(operation)
    for name in ("rate", "seconds", "times", "after", "status", "nth", "every", "amount"):
        value = given.get(name)
        whole_only = name not in ("rate", "seconds")
        if value is None and name in ("times", "seconds", "status", "nth"):
            continue
        if name in given and (
            isinstance(value, bool) or not isinstance(value, int if whole_only else int | float)
        ):
            raise ValueError(f"{name}: a number, not {value!r}")
    for name in ("code", "match", "variant"):
        if not isinstance(given.get(name, ""), str):
            raise ValueError(f"{name}: a text, not {given[name]!r}")
    if given["name"] is FaultName.ERROR_IN_200 and not given.get("code", "-1").lstrip("-").isdecimal():
        raise ValueError("code: the number of an errcode")
    fault = Fault(**given)
    if not 0 <= fault.rate <= 1:
        raise ValueError("rate: between 0 and 1")
    for name in ("every", "nth"):
        number = getattr(fault, name)
        if number is not None and number < 1:
            raise ValueError(f"{name}: at least 1")
    return fault


class Faults:
    """The faults that are on, in the order in which they were switched on."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._faults: list[Fault] = []

    def add(self, name: FaultName | str, **properties: Any) -> Fault:
        """Switch a fault on. Raises ValueError as fault_from_mapping does."""
        fault = fault_from_mapping({"name": str(name), **properties})
        self.append(fault)
        return fault

    def append(self, fault: Fault) -> None:
        """Switch a fault on that was already read."""
        self._faults.append(fault)

    def remove(self, fault: Fault) -> None:
        self._faults.remove(fault)

    def clear(self) -> None:
        self._faults.clear()

    @property
    def active(self) -> tuple[Fault, ...]:
        return tuple(self._faults)

    def strike(
        self, stage: Stage, vendor: Vendor, operation: Operation, key: str | None = None
    ) -> list[Fault]:
        """The faults that strike this call at this stage: at most one BEFORE or AFTER, any number BESIDE."""
        struck: list[Fault] = []
        for fault in self._faults:
            if fault.stage is not stage or not fault.concerns(vendor, operation, key):
                continue
            fault.seen += 1
            spent = fault.times is not None and fault.struck >= fault.times
            if spent or fault.seen <= fault.after or not self._chance(fault):
                continue
            fault.struck += 1
            struck.append(fault)
            if stage is not Stage.BESIDE:
                break
        return struck

    def _chance(self, fault: Fault) -> bool:
        if fault.name is FaultName.PAGE_DRIFT:
            return (fault.seen - fault.after) % fault.every == 0
        if fault.nth is not None:
            return (fault.seen - fault.after - 1) % fault.nth == 0
        return fault.rate >= 1 or self._random.random() < fault.rate
