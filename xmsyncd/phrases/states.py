"""What people read for a state, and for what a cycle decided and came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xmsyncd.ledger.cycles import CycleKind, CycleResult
from xmsyncd.ledger.states import VisibleState
from xmsyncd.ledger.views import StageDecision
from xmsyncd.okki.proof import ProofDecision
from xmsyncd.phrases.phrase import Phrase

STATES: Final[Mapping[str, Phrase]] = {
    VisibleState.DELIVERED: Phrase("delivered", "已送达"),
    VisibleState.PENDING: Phrase("pending", "待发送"),
    VisibleState.SENDING: Phrase("sending", "发送中"),
    VisibleState.UNDECIDED: Phrase("undecided", "结果未定"),
    VisibleState.REJECTED: Phrase("rejected", "已拒绝"),
    VisibleState.WAITING: Phrase("waiting for its key", "等待主键"),
    VisibleState.HELD: Phrase("held", "已暂扣"),
    VisibleState.PARKED: Phrase("parked", "待人工处理"),
    VisibleState.DISCARDED: Phrase("discarded", "已放弃"),
}
DECISIONS: Final[Mapping[str, Phrase]] = {
    StageDecision.CREATE: Phrase("new", "新建"),
    StageDecision.UPDATE: Phrase("changed", "更新"),
    StageDecision.UNCHANGED: Phrase("unchanged", "无变化"),
    StageDecision.FILTERED: Phrase("left out", "排除"),
    StageDecision.REJECTED: Phrase("rejected", "拒绝"),
    StageDecision.WAITING: Phrase("waiting", "等待"),
    StageDecision.HELD: Phrase("held", "暂扣"),
    StageDecision.REPEAT: Phrase("met again", "重复读到"),
    StageDecision.PENDING: Phrase("already pending", "已在待发"),
}
KINDS: Final[Mapping[str, Phrase]] = {
    CycleKind.FIRST: Phrase("first", "首次"),
    CycleKind.INCREMENTAL: Phrase("changes", "增量"),
    CycleKind.FULL: Phrase("everything", "全量"),
    CycleKind.PARTIAL: Phrase("a part", "部分"),
}
RESULTS: Final[Mapping[str, Phrase]] = {
    CycleResult.DONE: Phrase("done", "完成"),
    CycleResult.UNPROVEN: Phrase("unproven", "未证明完整"),
    CycleResult.FAILED: Phrase("failed", "失败"),
    CycleResult.INTERRUPTED: Phrase("interrupted", "中断"),
}
PROOFS: Final[Mapping[str, Phrase]] = {
    ProofDecision.PROVEN_TOTALS: Phrase("totals and ids agree", "总数与 ID 相符"),
    ProofDecision.PROVEN_UNION: Phrase("all passes together saw every id", "多遍合计已读到全部 ID"),
    ProofDecision.PROVEN_PASSES: Phrase("two passes saw the same", "两遍读取一致"),
    ProofDecision.PROVEN_DEPARTURES: Phrase(
        "what left the window was seen leaving", "离开窗口的记录均已见到"
    ),
    ProofDecision.UNPROVEN: Phrase("no proof", "无法证明"),
}
"""How a window was proven."""
