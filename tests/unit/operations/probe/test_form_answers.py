"""From what Yida was seen to do to the setting that fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.operations.doubles import settings_for
from xmsyncd.operations.probe import form_answers as decide
from xmsyncd.operations.probe.answers import Answer, AnswerState, fitting
from xmsyncd.operations.probe.form_answers import SearchSeen
from xmsyncd.operations.probe.probing import edits_of
from xmsyncd.records import Family, Outcome, StopReason
from xmsyncd.settings import ApiVersion, SearchOperator, UpdatePath

WHERE = ("pipelines", "products", "target")
AT = datetime(2026, 11, 23, 4, 30, 20, tzinfo=UTC)
S = timedelta(seconds=1)


def stop(code: str, reason: StopReason = StopReason.PERMISSION) -> Outcome:
    return Outcome(Family.STOP, stop_reason=reason, code=code)


@pytest.mark.parametrize(
    ("outcome", "proven"),
    [
        (stop("Forbidden.AccessDenied.AccessTokenPermissionDenied"), True),
        (stop("InvalidAction.NotFound", StopReason.CONFIGURATION), True),
        (stop("404", StopReason.CONFIGURATION), True),
        (stop("noPermission.form.x"), False),
        (stop("Forbidden.AccessDenied.ApiCountLimitForOrg", StopReason.QUOTA), False),
        (stop("invalidState.process.processDefinitionNotExist", StopReason.CONFIGURATION), False),
        (Outcome(Family.UNDECIDED, code="404"), False),
        (Outcome(Family.REFUSED, code="InvalidAction.NotFound"), False),
        (Outcome(Family.TRY_LATER), False),
        (Outcome(Family.DELIVERED), False),
    ],
)
def test_only_a_gateway_that_turned_the_call_away_proves_that_nothing_was_started(outcome, proven):
    assert decide.proves_nothing_started(outcome) == proven


def test_looks_come_ever_later_up_to_the_bound():
    delays = decide.look_delays(timedelta(minutes=5))
    assert delays[0] == S
    assert delays[-1] == timedelta(minutes=5)
    assert list(delays) == sorted(delays)
    assert len(delays) == 8


@pytest.mark.parametrize(
    ("lag", "fits"),
    [
        (1 * S, ["5s", "30s", "2m", "10m"]),
        (30 * S, ["5s", "30s", "2m", "10m"]),
        (60 * S, ["2m", "8m", "32m"]),
        (300 * S, ["10m", "40m", "2h40m"]),
    ],
)
def test_the_looks_fit_the_lag(lag, fits):
    current = [5 * S, 30 * S, 120 * S, 600 * S]
    answer = decide.looks(current, lag)
    assert answer.fitting == fits
    assert decide.looks([5 * S], 4 * S).state is AnswerState.CHANGE, "one look at the lag itself is too few"


def test_an_index_that_is_only_slow_never_switches_looking_off(tmp_path):
    target = settings_for(tmp_path / "x.db").pipelines["products"].target
    (answer,) = decide.search(WHERE, target, SearchSeen.LATER, SearchOperator.EQ, 10 * S)
    assert (answer.state, answer.setting) == (AnswerState.UNKNOWN, ())
    for seen in (SearchSeen.NOT_BY_KEY, SearchSeen.REFUSED):
        (answer,) = decide.search(WHERE, target, seen, SearchOperator.EQ, 10 * S)
        assert (answer.setting[-1], answer.fitting) == ("read_back", "never")
    (answer,) = decide.search(WHERE, target, SearchSeen.FOUND, SearchOperator.LIKE, 10 * S)
    assert (answer.setting[-1], answer.fitting) == ("search_operator", "like")


@pytest.mark.parametrize(
    ("shown", "current", "state", "fits"),
    [
        ("2026-11-23T04:30Z", "Asia/Shanghai", AnswerState.FITS, "Asia/Shanghai"),
        ("2026-11-23 12:30:21", "Asia/Shanghai", AnswerState.FITS, "Asia/Shanghai"),
        ("2026-11-23T04:30", "Asia/Shanghai", AnswerState.CHANGE, "UTC"),
        ("2026-11-23 12:30:21", "UTC", AnswerState.CHANGE, "Asia/Shanghai"),
        ("2026-11-23T12:30Z", "Asia/Shanghai", AnswerState.UNKNOWN, None),
        ("yesterday", "Asia/Shanghai", AnswerState.UNKNOWN, None),
        ("", "Asia/Shanghai", AnswerState.UNKNOWN, None),
    ],
)
def test_the_zone_of_instance_times(shown, current, state, fits):
    answer = decide.instance_timezone(WHERE, current, shown, AT)
    assert (answer.state, answer.fitting) == (state, fits)


def test_versions_and_paths():
    answer = decide.api_version(WHERE, ApiVersion.V1, ApiVersion.V2, "no")
    assert (answer.state, answer.fitting) == (AnswerState.CHANGE, "v2.0")
    answer = decide.update_path(WHERE, UpdatePath.PROCESS_V1, UpdatePath.FORM_V2, ["refused"])
    assert (answer.state, answer.fitting) == (AnswerState.CHANGE, "v2.0/forms")
    assert decide.update_path(WHERE, UpdatePath.PROCESS_V1, None, ["a", "b"]).state is AnswerState.FAILED
    assert "exactly" in decide.equality([]).found
    assert "in other case" in decide.equality(["in other case"]).found
    assert "RUNNING" in decide.status("RUNNING").found


def test_only_changes_become_edits_with_a_clean_comment():
    same = fitting("q", "f", (*WHERE, "key"), current=1, fits=1)
    found = "line one\nline two \x07" + "x" * 300
    changed = fitting("q", found, (*WHERE, "api_version"), current="v1.0", fits="v2.0")
    (edit,) = edits_of([same, changed, Answer("q", AnswerState.UNKNOWN, "?")], AT)
    assert edit.path == (*WHERE, "api_version")
    assert edit.comment.startswith("probed 2026-11-23, api_version: line one line two x")
    assert edit.comment.isprintable()
    assert len(edit.comment) < 200
