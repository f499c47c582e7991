"""What Prometheus sees in each trouble, and just short of it: the time series for the tests of the rules.

Values are in promtool's notation, one for each minute: ``3x9`` is ten times 3, ``0+2x9`` counts up by 2. Time
begins at 0, so ``0+60x9`` is a time that is always now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.records import StopReason

Series = Mapping[str, str]

MINUTES = 420
LATEST = 110
"""Cases up to this minute are seen side by side; later ones by themselves, for they take their time."""


INSTANCE = "host:9464"


def _series(name: str, **labels: str) -> str:
    shown = {"job": "xmsyncd", "instance": INSTANCE, **labels}
    return name + "{" + ", ".join(f'{label}="{value}"' for label, value in shown.items()) + "}"


def of(name: str, **labels: str) -> str:
    """A series of the pipeline."""
    return _series(f"xmsyncd_{name}", pipeline="products", **labels)


def cycles(result: str, kind: str = "incremental") -> str:
    return of("cycles_total", kind=kind, result=result)


def failures(stage: str, reason: str) -> str:
    return of("failures_total", stage=stage, reason=reason)


def differences(kind: str) -> str:
    return of("differences_records", kind=kind)


def stopped(reason: str) -> str:
    return of("pipeline_stopped", reason=reason)


def backlog(state: str) -> str:
    return of("backlog_records", state=state)


def calls(name: str, api: str, **labels: str) -> str:
    """A series of a connection."""
    return _series(f"xmsyncd_{name}", connection="main", api=api, **labels)


UP = _series("up")
WATERMARK = of("watermark_timestamp_seconds")
PENDING_AGE = of("oldest_pending_age_seconds")
UNDECIDED_AGE = of("oldest_undecided_age_seconds")
READ = of("source_records_total")
UNKNOWN_GROUP = failures("transform", "unknown_group")
UNPROVEN = of("window_proofs_total", result="unproven")
THROTTLED = calls("throttled_total", "dingtalk", endpoint="start")
ANSWERS = calls("answers_total", "dingtalk", endpoint="start", family="delivered")
UNKNOWN = calls("unknown_answers_total", "dingtalk", endpoint="start")
AWAY = calls("vendor_away_seconds", "dingtalk")
SKEW = calls("clock_skew_seconds", "okki")
EXHAUSTION = _series("xmsyncd_quota_exhaustion_timestamp_seconds", connection="main")

DAY = 86400

HEALTHY: Series = {
    UP: f"1x{MINUTES}",
    WATERMARK: f"-300+60x{MINUTES}",
    of("last_success_timestamp_seconds"): f"-300+60x{MINUTES}",
    PENDING_AGE: f"45x{MINUTES}",
    UNDECIDED_AGE: f"20x{MINUTES}",
    of("gaps"): f"0x{MINUTES}",
    of("balance_records"): f"0x{MINUTES}",
    cycles("done"): f"0+0.1x{MINUTES}",
    cycles("done", "full"): f"0x{MINUTES}",
    cycles("done", "partial"): f"0x{MINUTES}",
    cycles("failed"): f"0x{MINUTES}",
    cycles("unproven"): f"0x{MINUTES}",
    READ: f"0+0.5x{MINUTES}",
    of("window_proofs_total", result="proven_totals"): f"0+0.1x{MINUTES}",
    UNPROVEN: f"0x{MINUTES}",
    # Now and then something is tried again: that is what a healthy daemon does.
    failures("delivery", "try_later"): f"0+0.1x{MINUTES}",
    UNKNOWN_GROUP: f"0+20x{MINUTES}",
    failures("source", "unproven"): f"0x{MINUTES}",
    failures("source", "absences"): f"0x{MINUTES}",
    failures("source", "cannot_work:credentials"): f"0x{MINUTES}",
    failures("source", "cannot_work:permission"): f"0x{MINUTES}",
    failures("read_back", "double"): f"0x{MINUTES}",
    **{differences(kind): f"0x{MINUTES}" for kind in DifferenceKind},
    **{stopped(reason): f"0x{MINUTES}" for reason in StopReason},
    backlog("delivered"): f"5000x{MINUTES}",
    backlog("pending"): f"3x{MINUTES}",
    backlog("undecided"): f"1x{MINUTES}",
    backlog("parked"): f"0x{MINUTES}",
    backlog("rejected"): f"0x{MINUTES}",
    backlog("waiting"): f"0x{MINUTES}",
    backlog("held"): f"0x{MINUTES}",
    backlog("discarded"): f"7x{MINUTES}",
    THROTTLED: f"0+0.3x{MINUTES}",
    ANSWERS: f"0+60x{MINUTES}",
    calls("throttled_total", "okki", endpoint="all"): f"0x{MINUTES}",
    calls("answers_total", "okki", endpoint="list", family="delivered"): f"0+2x{MINUTES}",
    UNKNOWN: f"0x{MINUTES}",
    AWAY: f"0x{MINUTES}",
    SKEW: f"0.4x{MINUTES}",
    calls("clock_skew_seconds", "dingtalk"): f"-0.2x{MINUTES}",
    EXHAUSTION: f"Inf+0x{MINUTES}",
}


@dataclass(frozen=True, slots=True)
class Case:
    """An alert, the series that make it fire by minute ``at``, and those with which it just does not.

    ``also`` and ``near_also``: what else fires then. ``absent``: series that are not there in the trouble.
    """

    alert: str
    trouble: Series
    near: Series
    at: int = 90
    also: tuple[str, ...] = ()
    near_also: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tells it from the other cases."""
        return "-".join([self.alert, *self.labels.values(), *(["absent"] if self.absent else [])])


def _turn(minute: int, before: str, after: str) -> str:
    """One value up to a minute, then another."""
    return f"{before}x{minute} {after}x{MINUTES}"


_ENDED = f"0+0.1x30 3x{MINUTES}"
_BURNS = ("XmsyncdFreshnessBurnsFast", "XmsyncdFreshnessBurnsSlowly")

CASES = (
    Case(
        "XmsyncdDown",
        {UP: _turn(80, "1", "0")},
        {UP: f"1x86 0x1 1x{MINUTES}"},
    ),
    # Prometheus does not even know where to look.
    Case("XmsyncdDown", {}, {}, at=12, absent=(UP,)),
    Case(
        "XmsyncdClockSkew",
        {SKEW: _turn(70, "0.4", "-90")},
        {SKEW: _turn(70, "0.4", "-60")},
        labels={"api": "okki"},
    ),
    # A long read of a large catalogue ends no cycle for hours.
    Case(
        "XmsyncdNothingRan",
        {cycles("done"): _ENDED, READ: f"0+0.5x30 15x{MINUTES}"},
        {cycles("done"): _ENDED},
        at=95,
    ),
    Case(
        "XmsyncdCyclesFail",
        {cycles("done"): _ENDED, cycles("failed"): f"0x30 0+0.1x{MINUTES}"},
        {cycles("failed"): f"0x30 0+0.1x{MINUTES}"},
        at=95,
    ),
    Case(
        "XmsyncdWatermarkStuck",
        {WATERMARK: f"-300+60x20 900x{MINUTES}"},
        {WATERMARK: f"-3600+60x{MINUTES}"},
        also=_BURNS,
        near_also=_BURNS,
    ),
    Case(
        "XmsyncdWindowsUnproven",
        {UNPROVEN: _turn(80, "0", "1")},
        {UNPROVEN: _turn(20, "0", "1")},
    ),
    Case(
        "XmsyncdProofFailed",
        {cycles("done"): _ENDED, cycles("unproven"): f"0x30 0+0.1x{MINUTES}"},
        {cycles("unproven"): f"0x30 0+0.1x{MINUTES}"},
        at=95,
    ),
    Case(
        "XmsyncdGaps",
        {of("gaps"): _turn(70, "0", "1")},
        {of("gaps"): _turn(80, "0", "1")},
    ),
    Case(
        "XmsyncdBalance",
        {of("balance_records"): _turn(88, "0", "-1")},
        {of("balance_records"): f"0x70 -1x9 0x{MINUTES}"},
    ),
    Case(
        "XmsyncdAbsencesDoubted",
        {failures("source", "absences"): _turn(60, "0", "1")},
        {failures("source", "absences"): _turn(10, "0", "1")},
    ),
    Case(
        "XmsyncdPipelineStopped",
        {stopped("quota"): _turn(70, "0", "1")},
        {stopped("quota"): f"0x84 1x2 0x{MINUTES}"},
        labels={"reason": "quota"},
    ),
    # A person takes the form over: that lasts minutes. Left lying about, it is a pipeline that stands still.
    Case(
        "XmsyncdPipelineStopped",
        {stopped("adopting"): _turn(10, "0", "1")},
        {stopped("adopting"): _turn(50, "0", "1")},
        labels={"reason": "adopting"},
    ),
    Case(
        "XmsyncdCredentialsRefused",
        {stopped("permission"): _turn(85, "0", "1")},
        {stopped("permission"): f"0x87 1x0 0x{MINUTES}"},
        labels={"reason": "permission"},
    ),
    Case(
        "XmsyncdCredentialsRefused",
        {failures("source", "cannot_work:credentials"): _turn(80, "0", "1")},
        {failures("source", "cannot_work:credentials"): _turn(20, "0", "1")},
        labels={"reason": "cannot_work:credentials"},
    ),
    # Just short of it: ten times more than usual, but few. (In the healthy case: many, but as always.)
    Case(
        "XmsyncdFailuresRising",
        {failures("delivery", "try_later"): f"0+0.1x80 9+4x{MINUTES}"},
        {failures("delivery", "try_later"): f"0+0.05x80 4+0.6x{MINUTES}"},
        labels={"stage": "delivery"},
    ),
    # A first synchronisation: there is nothing to compare with.
    Case(
        "XmsyncdFailuresRising",
        {failures("transform", "required"): f"0+5x{MINUTES}", UNKNOWN_GROUP: f"0x{MINUTES}"},
        {failures("transform", "required"): f"0+0.5x{MINUTES}", UNKNOWN_GROUP: f"0x{MINUTES}"},
        at=12,
        labels={"stage": "transform"},
    ),
    Case(
        "XmsyncdRecordsParked",
        {backlog("parked"): _turn(80, "0", "2")},
        {backlog("parked"): f"0x84 2x2 0x{MINUTES}"},
    ),
    Case(
        "XmsyncdRecordsRejected",
        {backlog("waiting"): _turn(50, "0", "1")},
        {backlog("rejected"): _turn(70, "0", "1")},
    ),
    Case(
        "XmsyncdRecordsHeld",
        {backlog("held"): _turn(70, "0", "400")},
        {backlog("held"): _turn(80, "0", "400")},
    ),
    Case(
        "XmsyncdUndecidedTooLong",
        {UNDECIDED_AGE: f"0+60x{MINUTES}"},
        {UNDECIDED_AGE: f"1800x{MINUTES}"},
        at=40,
    ),
    Case(
        "XmsyncdBacklogOld",
        {PENDING_AGE: _turn(76, "45", "1860")},
        {PENDING_AGE: f"1800x{MINUTES}"},
        also=("XmsyncdFreshnessBurnsFast",),
    ),
    Case(
        "XmsyncdDoubleFound",
        {failures("read_back", "double"): _turn(60, "0", "1")},
        {failures("read_back", "double"): _turn(10, "0", "1")},
    ),
    # What others keep in the form, and processes that were ended there, are nothing to be woken for.
    Case(
        "XmsyncdDifferences",
        {differences("different"): _turn(80, "0", "2"), differences("gone"): _turn(80, "0", "1")},
        {differences("extra"): _turn(20, "0", "9"), differences("ended"): _turn(20, "0", "3")},
    ),
    # Late for nine minutes of an hour, and for eight.
    Case(
        "XmsyncdFreshnessBurnsFast",
        {PENDING_AGE: f"45x60 0+60x39 45x{MINUTES}"},
        {PENDING_AGE: f"45x60 0+60x38 45x{MINUTES}"},
        at=102,
    ),
    # Late for eight minutes of every hour, and for three: the budget is 21.6 minutes of six hours.
    Case(
        "XmsyncdFreshnessBurnsSlowly",
        {PENDING_AGE: " ".join(["45x51 1860x7"] * 7)},
        {PENDING_AGE: " ".join(["45x56 1860x2"] * 7)},
        at=372,
    ),
    Case(
        "XmsyncdVendorAway",
        {AWAY: f"0x80 30+60x{MINUTES}"},
        {AWAY: f"0x80 30 90 150 210 290 0x{MINUTES}"},
        labels={"api": "dingtalk"},
    ),
    Case(
        "XmsyncdThrottled",
        {THROTTLED: f"0+0.3x60 18+30x{MINUTES}"},
        {THROTTLED: f"0+0.3x60 18+5x{MINUTES}"},
        labels={"api": "dingtalk"},
    ),
    Case(
        "XmsyncdQuotaEndsWithinAWeek",
        {EXHAUSTION: _turn(10, "Inf+0", f"{3 * DAY}")},
        {EXHAUSTION: _turn(10, "Inf+0", f"{8 * DAY}")},
    ),
    Case(
        "XmsyncdQuotaEndsWithinADay",
        {EXHAUSTION: _turn(60, "Inf+0", f"{DAY // 2}")},
        {EXHAUSTION: _turn(60, "Inf+0", f"{2 * DAY}")},
    ),
    Case(
        "XmsyncdUnknownAnswers",
        {UNKNOWN: _turn(60, "0", "1")},
        {UNKNOWN: _turn(10, "0", "1")},
    ),
)
