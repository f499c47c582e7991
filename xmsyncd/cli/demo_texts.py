"""What the demo says, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from xmsyncd.phrases.phrase import CHINESE, language_of

Texts = Callable[..., str]
"""A text by name, with what is to stand in it."""

_EN: Final = {
    "title": "xmsyncd at work between two simulated vendors. No account is used.",
    "starting": "Starting OKKI and Yida …",
    "world.okki": "OKKI has {products:,} products, {dirty:,} of them dirty (without a number, a name …)",
    "world.yida": "Yida takes {qps:g} calls a second, {latency} each; its search lags {lag} behind",
    "world.lost": "of 100 writes {lost:g} succeed without an answer: who sends them again, doubles them",
    "first": "1  The first synchronisation, as `xmsyncd sync` does it",
    "read": "read",
    "delivered": "in Yida",
    "of": "of",
    "a_second": "/s",
    "undecided_now": "{n:,} without an answer",
    "first.done": "{delivered:,} products are in Yida, each once, after {seconds:.0f} s ({calls:,} calls).",
    "first.lost": "Answers lost: {n:,}. Each was looked for before anything was sent again.",
    "first.doubt": "Not decided yet: {n:,}. They are looked for, and only then perhaps sent again.",
    "first.failed": "Not sent, each with its reason: {n:,} ({reasons}).",
    "daemon": "2  The daemon, as `xmsyncd run` does it, while simulated people edit products",
    "look": "Look at it",
    "look.page": "status page",
    "look.metrics": "metrics",
    "look.commands": "in another terminal, here",
    "look.edit": "edit a product yourself",
    "look.lost": "From here on {n:g} answers of 100 are lost, so that you see doubts arise and be decided.",
    "look.files": "configuration, ledger, log",
    "look.end": "Ctrl-C ends it.",
    "pulse.seen": "{n:,} changed in OKKI",
    "pulse.created": "{n:,} created",
    "pulse.updated": "{n:,} updated",
    "pulse.lost": "{n:,} without an answer: looked for before anything is sent again",
    "pulse.found": "{n:,} found: it had arrived",
    "pulse.resent": "{n:,} had not arrived, sent again",
    "pulse.throttled": "{n:,} throttled by Yida",
    "pulse.agrees": "Yida agrees with OKKI",
    "pulse.behind": "{n:,} on the way",
    "pulse.doubled": "{n:,} DOUBLED",
    "pulse.failed": "{n:,} not sent, with a reason",
    "pulse.stopped": "delivery stands still: {reason}",
    "stopping": "Stopping: what is on its way is let through; Ctrl-C once more leaves at once.",
    "end": "The judge, who sees both sides",
    "end.counts": "{products:,} products, {instances:,} instances: {missing:,} missing, {doubled:,} doubled.",
    "end.listed": "Not sent, each with its reason: {n:,}.",
    "end.late": "Changed after the last cycle had read: {n:,}. The next one would bring them.",
    "end.left": "Waiting in the ledger, to be sent at the next start: {n:,}.",
    "end.early": "It ended before everything was read; the next start would go on from the ledger.",
    "end.removed": "The temporary folder is removed. With --folder it stays.",
    "end.kept": "Everything is in {folder}",
    "wrong.vendors_gone": "the simulated vendors ended by themselves; {log} may say why",
    "wrong.verdict": "this must not happen: please report it, with the folder above",
}

_ZH: Final = {
    "title": "xmsyncd 在两个模拟厂商之间工作。不需要任何账号，数据不离开本机。",
    "starting": "正在启动模拟的小满 OKKI 与宜搭 …",
    "world.okki": "OKKI 中有 {products:,} 个产品，其中 {dirty:,} 个是脏数据（缺编号、缺名称、类型不符……）",
    "world.yida": "宜搭每秒接受 {qps:g} 次调用，每次 {latency}；检索滞后 {lag}",
    "world.lost": "每 100 次写入有 {lost:g} 次成功却丢失应答：盲目重发就会产生重复",
    "first": "1  首次同步，与 `xmsyncd sync` 相同",
    "read": "读取",
    "delivered": "已到宜搭",
    "of": "/",
    "a_second": "条/秒",
    "undecided_now": "{n:,} 条无应答",
    "first.done": "{delivered:,} 个产品已在宜搭，每个恰好一条，用时 {seconds:.0f} 秒（{calls:,} 次调用）。",
    "first.lost": "丢失了 {n:,} 个应答；先逐一查找，确认未到才会重发。",
    "first.doubt": "{n:,} 条尚未判定：先查找，确认未到才会重发。",
    "first.failed": "{n:,} 条未送出，均有原因（{reasons}）。",
    "daemon": "2  守护进程，与 `xmsyncd run` 相同；模拟的同事正在修改产品",
    "look": "在这里查看",
    "look.page": "状态页",
    "look.metrics": "指标",
    "look.commands": "在另一个终端的当前目录",
    "look.edit": "自己修改一个产品",
    "look.lost": "从现在起每 100 个应答丢失 {n:g} 个，便于观察存疑与判定。",
    "look.files": "配置、账本、日志",
    "look.end": "按 Ctrl-C 结束。",
    "pulse.seen": "OKKI 有 {n:,} 处变更",
    "pulse.created": "新建 {n:,}",
    "pulse.updated": "更新 {n:,}",
    "pulse.lost": "{n:,} 个应答丢失，先查找再决定是否重发",
    "pulse.found": "{n:,} 条已找到，其实已送达",
    "pulse.resent": "{n:,} 条确未到达，已重发",
    "pulse.throttled": "被宜搭限流 {n:,} 次",
    "pulse.agrees": "宜搭与 OKKI 一致",
    "pulse.behind": "{n:,} 条在途",
    "pulse.doubled": "重复 {n:,} 条",
    "pulse.failed": "{n:,} 条未送出（有原因）",
    "pulse.stopped": "送达已停止：{reason}",
    "stopping": "正在停止：在途的调用会先完成；再按一次 Ctrl-C 立即退出。",
    "end": "能看到两边的裁判",
    "end.counts": "产品 {products:,} 个，实例 {instances:,} 条：缺失 {missing:,}，重复 {doubled:,}。",
    "end.listed": "{n:,} 条未送出，均有原因。",
    "end.late": "{n:,} 处变更发生在最后一次读取之后，下一个周期会带上。",
    "end.left": "{n:,} 条仍在账本中等待，下次启动时送出。",
    "end.early": "尚未读完就已结束；下次启动会从账本继续。",
    "end.removed": "临时目录已删除；使用 --folder 可保留。",
    "end.kept": "所有文件保留在 {folder}",
    "wrong.vendors_gone": "模拟厂商进程自行退出；原因可能在 {log}",
    "wrong.verdict": "这不应发生：请连同上述目录一并反馈",
}


def texts_for(environ: Mapping[str, str]) -> Texts:
    """The texts for a locale, by the variables that decide about messages."""
    chosen: Mapping[str, str] = _ZH if language_of(environ) == CHINESE else _EN

    def text(name: str, **values: Any) -> str:
        return chosen[name].format(**values)

    return text


def names() -> tuple[frozenset[str], frozenset[str]]:
    """The names of the English and of the Chinese texts, for the test that holds them together."""
    return frozenset(_EN), frozenset(_ZH)
