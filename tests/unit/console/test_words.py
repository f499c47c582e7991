"""The words of the pages hold all closed sets, in both languages."""

from __future__ import annotations

from xmsyncd.console.acting import ACTIONS
from xmsyncd.console.charts import CHARTS
from xmsyncd.console.guarding import Refusal
from xmsyncd.console.page import Severity
from xmsyncd.console.words import WORDS
from xmsyncd.ledger import cycles
from xmsyncd.ledger.differences import DifferenceKind
from xmsyncd.ledger.history import HistoryEvent
from xmsyncd.ledger.states import ParkReason, VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.observe.labels import PROOFS, Api
from xmsyncd.records import Family, Operation, RejectionReason, RuleResult, StopReason
from xmsyncd.transform.quality import OnFail, RuleKind
from xmsyncd.yida import wire


def test_both_languages_have_all_words_of_the_closed_sets():
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    wanted = {
        *(f"visible.{one}" for one in VisibleState),
        *(f"stop.{one}" for one in StopReason),
        *(f"kind.{one}" for one in cycles.CycleKind),
        *(f"result.{one}" for one in cycles.CycleResult),
        *(f"decision.{one}" for one in StageDecision),
        *(f"reason.{one}" for one in (*ParkReason, *RejectionReason)),
        *(f"proof.{one}" for one in PROOFS),
        *(f"title.{one}" for one in Severity),
        *(f"state.{one}" for one in ("running", "stopped", "idle")),
        *(f"pace.{one}" for one in Operation),
        *(f"vendor.{one}" for one in Api),
        *(f"endpoint.{one}" for one in ("all", *wire.APIS)),
        *(f"life.{one}" for one in Operation),
        *(f"event.{one}" for one in HistoryEvent),
        *(f"family.{one}" for one in (*Family, "returned", "orphaned", "on_its_way")),
        *(f"refusal.{one}" for one in Refusal),
        *(f"done.{one}" for one in ACTIONS if one.startswith("pipeline.")),
        *(f"outcome.{band}" for bands in CHARTS.values() for band in bands),
        *(f"chart.{name}" for name in CHARTS),
        *(f"chart.none.{name}" for name in CHARTS),
        *(f"rule.{one}" for one in RuleKind),
        *(f"on_fail.{one}" for one in (*OnFail, "gone")),
        *(f"rule_result.{one}" for one in (*RuleResult, "unasked")),
        *(f"difference.{one}" for one in DifferenceKind),
    }
    assert wanted <= WORDS["en"].keys()
