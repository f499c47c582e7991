"""The tables of what people read: complete, in both languages, and the same wherever they are told."""

import pytest

from xmsyncd.cli.reasons import advice_for, reason_label
from xmsyncd.cli.words import words_for
from xmsyncd.console.words import WORDS
from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.ledger.states import DELETED_IN_OKKI, KEY_CONFLICT, HoldReason, ParkReason, VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.notify.words import reason_text, stop_text
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.phrases.phrase import CHINESE, ENGLISH, language_of
from xmsyncd.phrases.reasons import REASONS, REFUSED, reason_advice, reason_name
from xmsyncd.phrases.states import DECISIONS, KINDS, PROOFS, RESULTS, STATES
from xmsyncd.phrases.stops import STOPS, stop_advice
from xmsyncd.records import RejectionReason, StopReason


def test_each_closed_set_has_its_phrases():
    assert set(STATES) == set(VisibleState)
    assert set(DECISIONS) == set(StageDecision)
    assert set(KINDS) == set(CycleKind)
    assert set(RESULTS) == set(CycleResult)
    assert set(PROOFS) == {ProofDecision.UNPROVEN, *(one for one in ProofDecision if one.is_proven)}
    assert set(STOPS) == set(StopReason)
    others = {DELETED_IN_OKKI, KEY_CONFLICT, VisibleState.UNDECIDED}
    assert set(REASONS) == {*ParkReason, *HoldReason, *RejectionReason, *others}


def test_no_phrase_is_empty_or_left_in_english():
    phrases = [phrase for table in (STATES, DECISIONS, KINDS, RESULTS, PROOFS) for phrase in table.values()]
    phrases += [phrase for reason in REASONS.values() for phrase in reason]
    phrases += [stop.advice for stop in STOPS.values()]
    assert all(phrase.english.isprintable() and phrase.english.strip() for phrase in phrases)
    assert not [phrase for phrase in phrases if phrase.chinese.isascii()]


def test_page_commands_and_messages_tell_the_same(monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    name = REASONS[ParkReason.AMBIGUOUS].name.chinese
    assert WORDS["zh"]["reason.ambiguous"] == name
    assert reason_label("ambiguous") == reason_text("ambiguous") == f"{name} (ambiguous)"
    assert advice_for("ambiguous") == REASONS[ParkReason.AMBIGUOUS].advice.chinese
    assert WORDS["zh"]["visible.held"] == words_for({"LANG": "zh_CN"})("held") == STATES["held"].chinese
    assert stop_text("quota") == f"{STOPS['quota'].name} (quota)"


def test_a_hold_says_that_it_is_one():
    assert reason_name("many_changes", ENGLISH) == "held: very many changes at once"
    assert reason_name("many_changes", CHINESE) == "已暂扣：一次更新过多"


def test_a_code_of_the_vendor_stays_as_it_is():
    assert reason_name("E_7", CHINESE) == "E_7"
    assert reason_advice("E_7", CHINESE) == REFUSED.chinese
    assert stop_advice("E_7", ENGLISH) == "E_7"


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, ENGLISH),
        ({"LANG": "zh_CN.UTF-8"}, CHINESE),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, ENGLISH),
        ({"LC_MESSAGES": "ZH_TW", "LANG": "C"}, CHINESE),
    ],
)
def test_the_locale_decides_the_language(environ, language):
    assert language_of(environ) == language
