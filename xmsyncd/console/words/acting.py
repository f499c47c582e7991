"""The words of what did not go through, and of what a person may do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xmsyncd.phrases.phrase import Phrase

ACTING: Final[Mapping[str, Phrase]] = {
    "failures": Phrase("What did not go through", "未能送达的记录"),
    "no_failures": Phrase(
        "Nothing: every record is delivered or on its way.", "没有：所有记录均已送达或正在途中。"
    ),
    "failure.reason": Phrase("Reason", "原因"),
    "failure.advice": Phrase("What to do", "怎么办"),
    "failure.count": Phrase("Records", "记录数"),
    "failure.since": Phrase("Since", "始于"),
    "failure.sample": Phrase("For example", "例如"),
    "failure.detail": Phrase("What was said", "详情"),
    "failures.open": Phrase("Show all of them", "查看全部"),
    "failures.all": Phrase("All reasons", "全部原因"),
    "failures.records": Phrase("One by one", "逐条记录"),
    "failures.first": Phrase("The first {} of {}.", "前 {} 条，共 {} 条。"),
    "held.title": Phrase("{} updates are held", "{} 条更新已暂扣"),
    "held.open": Phrase("See what would change", "查看会改变什么"),
    "held.none": Phrase("Nothing is held.", "没有暂扣的记录。"),
    "held.why": Phrase(
        "So many changes at once may be a mistake in the mapping or in OKKI. Nothing "
        "goes out before a person has looked.",
        "一次更新如此之多，可能是映射或 OKKI 数据有误。人工确认之前不会发送。",
    ),
    "held.components": Phrase("Fields that would change", "将改变的字段"),
    "act.title": Phrase("Actions", "操作"),
    "act.run": Phrase("Run now", "立即同步"),
    "act.pause": Phrase("Pause", "暂停"),
    "act.resume": Phrase("Resume", "恢复"),
    "act.retry": Phrase("Retry", "重试"),
    "act.look": Phrase("Look again", "再次查找"),
    "act.retry_all": Phrase("Retry all of these", "全部重试"),
    "act.look_all": Phrase("Look for all again", "全部再次查找"),
    "act.accept": Phrase("Accept as it is", "原样放行"),
    "act.approve": Phrase("Let it go", "放行"),
    "act.approve_all": Phrase("Let all go", "全部放行"),
    "act.approve_some": Phrase("Let {} go first", "先放行 {} 条"),
    "act.discard": Phrase("Discard", "放弃"),
    "act.discard_all": Phrase("Discard all of these", "全部放弃"),
    "act.give_up_all": Phrase("Give all up", "全部放弃"),
    "act.cancel": Phrase("Cancel", "取消"),
    "act.ok": Phrase("Go ahead", "确定"),
    "act.token": Phrase("Console token", "控制台令牌"),
    "act.token_hint": Phrase(
        "It is kept in this tab only. See http.token in the configuration.",
        "仅保存在本标签页中。见配置中的 http.token。",
    ),
    "act.token_wrong": Phrase("This is not the token.", "令牌不正确。"),
    "act.busy": Phrase("One moment …", "请稍候……"),
    "act.lost": Phrase(
        "The daemon did not answer. Whether it was done shows here in a moment.",
        "守护进程没有响应。是否完成，稍后会在此显示。",
    ),
    "act.read_only": Phrase(
        "Read only: no http.token is set in the configuration.", "只读：配置中没有设置 http.token。"
    ),
    "confirm.pause": Phrase(
        "Send nothing more to Yida until somebody resumes this pipeline?",
        "在有人恢复之前，不再向宜搭发送任何内容？",
    ),
    "confirm.retry": Phrase("Try {} again?", "重试 {} 条？"),
    "confirm.accept": Phrase(
        "Send it with exactly this content, in spite of the rule?", "不符合规则，仍按此内容原样发送？"
    ),
    "confirm.approve": Phrase("Let {} go to Yida?", "放行 {} 条到宜搭？"),
    "confirm.discard": Phrase(
        "Give up {} until OKKI shows something new?", "放弃 {} 条，直到 OKKI 有新内容？"
    ),
    "confirm.give_up": Phrase(
        "Give up the content of {}? Yida keeps what it has.", "放弃 {} 条的内容？宜搭保持现状。"
    ),
    "done.records": Phrase("Done, {}: {}", "完成 {} 条：{}"),
    "done.nothing": Phrase("Nothing was left to do.", "没有需要处理的内容。"),
    "done.not_all": Phrase("Not all of it could be done: {}", "未能全部完成：{}"),
    "done.stopped": Phrase("It stands still for something else: {}", "因其他原因仍处于停止状态：{}"),
    "done.pipeline.run": Phrase("A cycle begins.", "同步已开始。"),
    "done.pipeline.pause": Phrase("Paused: nothing is sent any more.", "已暂停，不再发送。"),
    "done.pipeline.resume": Phrase("It goes on.", "已恢复。"),
    "refusal.read_only": Phrase(
        "Read only: no http.token is set in the configuration.", "只读：配置中没有设置 http.token。"
    ),
    "refusal.cross_site": Phrase("Refused: this came from another site.", "已拒绝：请求来自其他网站。"),
    "refusal.not_json": Phrase("Refused: not JSON.", "已拒绝：不是 JSON。"),
    "refusal.token": Phrase("This is not the token.", "令牌不正确。"),
    "refusal.failed": Phrase(
        "It could not be done; the log of the daemon says more.", "未能完成，详见守护进程日志。"
    ),
    "act.accept_all": Phrase("Accept all as they are", "全部原样放行"),
    "confirm.accept_all": Phrase(
        "Send {} with exactly their content, in spite of the rule?", "{} 条不符合规则，仍按现有内容原样发送？"
    ),
}
