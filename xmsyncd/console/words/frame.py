"""The words around all pages: the headline, the ways between the pages, spans of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from xmsyncd.phrases.phrase import Phrase

FRAME: Final[Mapping[str, Phrase]] = {
    "title.good": Phrase("in step – xmsyncd", "同步正常 – xmsyncd"),
    "title.busy": Phrase("at work – xmsyncd", "同步中 – xmsyncd"),
    "title.warn": Phrase("needs a look – xmsyncd", "需要关注 – xmsyncd"),
    "title.bad": Phrase("stands still – xmsyncd", "已停止 – xmsyncd"),
    "headline.stopped": Phrase("Delivery stands still", "送达已停止"),
    "headline.unreadable": Phrase("OKKI cannot be read", "无法读取 OKKI"),
    "headline.away.okki": Phrase(
        "OKKI does not answer; it is tried again by itself", "OKKI 没有正常应答，程序会自动重试"
    ),
    "headline.away.dingtalk": Phrase(
        "DingTalk does not answer; it is tried again by itself", "钉钉没有正常应答，程序会自动重试"
    ),
    "headline.failed": Phrase(
        "The last cycle failed; the next one reads the same again", "上个周期失败，下个周期会重新读取"
    ),
    "headline.gaps": Phrase("Stretches of time could not be proven complete", "有时间段无法证明已读取完整"),
    "headline.person.one": Phrase("1 record needs a person", "1 条记录需要人工处理"),
    "headline.person": Phrase("{} records need a person", "{} 条记录需要人工处理"),
    "headline.undecided.one": Phrase("1 answer was lost; it is being looked for", "1 个应答丢失，正在查找"),
    "headline.undecided": Phrase(
        "{} answers were lost; they are being looked for", "{} 个应答丢失，正在查找"
    ),
    "headline.busy.one": Phrase("1 record is on its way", "1 条记录正在途中"),
    "headline.busy": Phrase("{} records are on their way", "{} 条记录正在途中"),
    "headline.sending_paused": Phrase(
        "Calls to Yida are paused for another {}{}", "宜搭调用已暂停，还剩 {}{}"
    ),
    "headline.reading_paused": Phrase(
        "Calls to OKKI are paused for another {}{}", "OKKI 调用已暂停，还剩 {}{}"
    ),
    "headline.first": Phrase("OKKI is being read for the first time", "正在首次读取 OKKI"),
    "headline.new": Phrase("Nothing was read yet", "尚未读取"),
    "headline.well": Phrase("Yida is in step with OKKI", "宜搭与 OKKI 保持一致"),
    "more.part": Phrase(
        "{} of {} records are in Yida as OKKI showed them last",
        "{} / {} 条记录在宜搭中的内容与 OKKI 最近一次显示的一致",
    ),
    "more.all": Phrase(
        "All {} records are in Yida as OKKI showed them last",
        "全部 {} 条记录在宜搭中的内容与 OKKI 最近一次显示的一致",
    ),
    "unavailable": Phrase(
        "The ledger does not answer at this moment. This page tries again by itself.",
        "账本暂时没有响应，本页会自动重试。",
    ),
    "lost": Phrase(
        "The daemon does not answer; what is shown is from before.", "守护进程没有响应，下面是之前的数据。"
    ),
    "as_of": Phrase("As of", "数据时间"),
    "records": Phrase("{} records", "{} 条记录"),
    "skip": Phrase("To the content", "跳到内容"),
    "never": Phrase("never", "从未"),
    "now": Phrase("now", "此刻"),
    "ago": Phrase("{} ago", "{}前"),
    "in": Phrase("in {}", "{}后"),
    "unit.d": Phrase(" d", "天"),
    "unit.h": Phrase(" h", "小时"),
    "unit.m": Phrase(" min", "分"),
    "unit.s": Phrase(" s", "秒"),
    "unit.join": Phrase(" ", ""),
    "title.failures": Phrase("failures – xmsyncd", "失败记录 – xmsyncd"),
    "nav.overview": Phrase("Overview", "总览"),
    "nav.failures": Phrase("Failures", "失败记录"),
    "nav.held": Phrase("Held", "已暂扣"),
    "nav.label": Phrase("Pages", "页面"),
}
