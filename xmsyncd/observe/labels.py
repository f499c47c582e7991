"""The closed sets that metric labels come from, and what each thing that happens is called in them.

Never data: a vendor's code, a key or a component id would make a new time series each.
"""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from xmsyncd.errors import (
    CannotWorkError,
    CycleError,
    LedgerError,
    RefusedError,
    ThrottledError,
    TryLaterError,
)
from xmsyncd.ledger.events import Finding
from xmsyncd.ledger.states import ParkReason
from xmsyncd.ledger.views import Look
from xmsyncd.okki.failures import (
    DETAIL_ENDPOINT,
    FIELDS_ENDPOINT,
    GROUPS_ENDPOINT,
    LIST_ENDPOINT,
)
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.records import Family, Operation, RejectionReason, RuleResult, StopReason
from xmsyncd.yida import wire

OTHER = "other"
"""What a value outside its closed set is counted as; a test keeps it from ever being needed."""


class Api(StrEnum):
    """The two vendors' interfaces; named as their sections in the configuration."""

    OKKI = "okki"
    DINGTALK = "dingtalk"


ALL_ENDPOINTS = "all"
"""The endpoint label of a limit that all calls of a connection share."""

ENDPOINTS = {
    Api.OKKI: ("token", LIST_ENDPOINT, DETAIL_ENDPOINT, GROUPS_ENDPOINT, FIELDS_ENDPOINT),
    Api.DINGTALK: wire.APIS,
}

LIMITS = {
    Api.OKKI: (ALL_ENDPOINTS,),
    Api.DINGTALK: wire.APIS,
}
"""What has a pace of its own: OKKI as a whole, each call of DingTalk by itself."""


class DeliveryOutcome(StrEnum):
    """How a call that writes to Yida ended, in four words."""

    DELIVERED = "delivered"
    RETRY = "retry"
    UNDECIDED = "undecided"
    REFUSED = "refused"


class Resolution(StrEnum):
    """What an undecided attempt came to."""

    FOUND = "found"
    RESENT = "resent"
    PARKED = "parked"


class Stage(StrEnum):
    """Where a failure happened."""

    SOURCE = "source"
    TRANSFORM = "transform"
    DELIVERY = "delivery"
    READ_BACK = "read_back"


class SourceFailure(StrEnum):
    """Why reading failed, where it is not that we cannot work at all (then the stop reason is appended)."""

    TRY_LATER = "try_later"
    THROTTLED = "throttled"
    REFUSED = "refused"
    CYCLE = "cycle"
    LEDGER = "ledger"
    UNPROVEN = "unproven"
    """Everything was read, but a window could not be proven complete."""
    CLOCK = "clock"
    """The watermark lay in the future: OKKI's clock or ours was wrong when it was set."""
    ABSENCES = "absences"
    """A complete read lacked most of what is known: what OKKI shows to this account has changed."""
    UNFORESEEN = "unforeseen"


DOUBLE = "double"
"""The reason of a second Yida instance for one record."""

NO_TOKEN = "no_token"
"""The reason where nothing could be sent for want of a token, and no record was tried for it."""

PUT_OFF = (SourceFailure.TRY_LATER, SourceFailure.THROTTLED, SourceFailure.REFUSED)
"""Why a look at Yida had to be put off."""

DELIVERY_FAILURES = (
    Family.NOT_SENT,
    Family.TRY_LATER,
    Family.UNDECIDED,
    Family.REAUTHENTICATE,
    Family.REFUSED,
    Family.GONE,
    Family.STOP,
)
"""Outcomes that count as failures. A throttle does not: nothing was executed, and it has its own metric."""

FAILURE_REASONS: dict[Stage, tuple[str, ...]] = {
    Stage.SOURCE: (*SourceFailure, *(f"cannot_work:{reason}" for reason in StopReason)),
    Stage.TRANSFORM: tuple(RejectionReason),
    Stage.DELIVERY: (*DELIVERY_FAILURES, *StopReason, NO_TOKEN, SourceFailure.UNFORESEEN),
    Stage.READ_BACK: (*ParkReason, DOUBLE, *PUT_OFF),
}
"""All pairs. Of delivery, a family is how an attempt ended, a stop reason why the pipeline stands still."""

PROOFS = (*(one for one in ProofDecision if one.is_proven), ProofDecision.UNPROVEN)
"""How the reading of a slice may end."""


CHECK_RESULTS = (RuleResult.KEPT, RuleResult.WARNED, RuleResult.FIXED, RuleResult.REJECTED)
"""How the check of a quality rule may end; what a person accepted is not checked."""


def delivery_outcome(family: Family) -> DeliveryOutcome:
    """The word for a family of answers."""
    match family:
        case Family.DELIVERED:
            return DeliveryOutcome.DELIVERED
        case Family.UNDECIDED:
            return DeliveryOutcome.UNDECIDED
        case Family.REFUSED | Family.GONE:
            return DeliveryOutcome.REFUSED
        case Family.NOT_SENT | Family.THROTTLED | Family.TRY_LATER | Family.REAUTHENTICATE | Family.STOP:
            return DeliveryOutcome.RETRY
        case _:
            assert_never(family)


def source_failure(error: BaseException) -> str:
    """The reason a cycle failed for, by the class of its error."""
    match error:
        case CannotWorkError():
            return f"cannot_work:{error.reason}"
        case ThrottledError():
            return SourceFailure.THROTTLED
        case TryLaterError():
            return SourceFailure.TRY_LATER
        case RefusedError():
            return SourceFailure.REFUSED
        case CycleError():
            return SourceFailure.CYCLE
        case LedgerError():
            return SourceFailure.LEDGER
        case _:
            return SourceFailure.UNFORESEEN


def resolution(look: Look, finding: Finding, resend_limit: int) -> Resolution | None:
    """What a look decided; ``None``: nothing yet. Mirrors :func:`xmsyncd.ledger.transitions.transition`."""
    match finding:
        case Finding.EQUAL:
            return Resolution.FOUND
        case Finding.OTHER:
            # A create that is there with other content is found; an update that did not arrive is sent again.
            return Resolution.FOUND if look.operation is Operation.CREATE else Resolution.RESENT
        case Finding.ABSENT:
            return Resolution.PARKED if look.resends >= resend_limit else Resolution.RESENT
        case Finding.AMBIGUOUS | Finding.GONE:
            return Resolution.PARKED
        case Finding.UNSEEN:
            return None
        case _:
            assert_never(finding)


def park_reason(finding: Finding) -> ParkReason:
    """Why a look parked its record; only for findings that do."""
    match finding:
        case Finding.AMBIGUOUS:
            return ParkReason.AMBIGUOUS
        case Finding.GONE:
            return ParkReason.INSTANCE_GONE
        case _:
            return ParkReason.RESEND_LIMIT


class LeftOut(StrEnum):
    """Why a scheduled comparison of ledger and Yida was not made."""

    QUOTA = "quota"
    """Its calls cannot be spared this month."""
    BUSY = "busy"
    """The form was being read already."""
    FAILED = "failed"
    """A read of the form failed, and went on failing."""


class HookRefusal(StrEnum):
    """Why what was posted to ``/hooks/alertmanager`` was not taken."""

    NOT_SET_UP = "not_set_up"
    """``notify.hook_token`` is not set."""
    TOKEN = "token"
    ROBOT = "robot"
    """A robot is named that is not configured."""
    TOO_LARGE = "too_large"
    NO_WEBHOOK = "no_webhook"
    """It is nothing that Alertmanager sends."""
    LEDGER = "ledger"
    """The ledger cannot keep it now; Alertmanager comes again."""


class Notified(StrEnum):
    """What became of sending one message to a robot."""

    SENT = "sent"
    PUT_OFF = "put_off"
    """It is sent again: the robot was busy, away, or its answer was lost."""
    THROTTLED = "throttled"
    REFUSED = "refused"
    """The robot does not take this text."""
    STOPPED = "stopped"
    """The robot takes nothing: its token, its security settings or its group."""


def notified(family: Family) -> Notified:
    """The word for a robot's answer."""
    match family:
        case Family.DELIVERED:
            return Notified.SENT
        case Family.THROTTLED:
            return Notified.THROTTLED
        case Family.REFUSED:
            return Notified.REFUSED
        case Family.STOP:
            return Notified.STOPPED
        case _:
            return Notified.PUT_OFF
