"""The few words that people read in their own language: English, or Chinese where the locale says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from xmsyncd.phrases.phrase import CHINESE, language_of
from xmsyncd.phrases.states import DECISIONS, RESULTS, STATES

Words = Callable[[str], str]
"""A word of ours (a state, a heading) in the person's language."""

_CHINESE: Final[Mapping[str, str]] = {
    **{word: phrase.chinese for table in (DECISIONS, RESULTS, STATES) for word, phrase in table.items()},
    # what a pipeline does
    "running": "运行中",
    "idle": "空闲",
    "stopped": "已停止",
    # what kind a cycle was
    "first": "首次读取",
    "full": "全量读取",
    "incremental": "增量读取",
    "partial": "部分读取",
    # findings
    "ok": "正常",
    "warning": "注意",
    "note": "说明",
    # answers of a probe
    "fits": "合适",
    "change": "应修改",
    "told": "告知",
    "unknown": "未知",
    "question": "问题",
    "what this tenant does": "实际行为",
    "setting": "配置项",
    "now": "当前值",
    "fitting": "合适的值",
    "token request": "令牌请求",
    "token header": "令牌请求头",
    "success code": "成功码",
    "the list": "列表",
    "key of the list": "列表键名",
    "key of the total": "总数键名",
    "largest page": "最大页",
    "number of the first page": "首页页码",
    "order of the list": "列表顺序",
    "a page beyond the end": "超出末页",
    "filter by update time": "按更新时间过滤",
    "fields of the list": "列表字段",
    "deleted records": "已删除记录",
    "product groups": "产品分组",
    "OKKI's clock": "OKKI 时钟",
    "zone of update_time": "update_time 时区",
    "form": "表单",
    "approvers": "审批人",
    "earlier probes": "以往探测",
    "start of an instance": "发起实例",
    "approval": "审批",
    "reading by id": "按 ID 读取",
    "search by the key": "按主键检索",
    "delay of the search": "检索延迟",
    "meaning of eq": "eq 的含义",
    "update of an instance": "更新实例",
    "blank text": "空文本",
    "zone of instance times": "实例时间时区",
    "instances of others": "他人的实例",
    # what became of a metadata document of 轻易云
    "taken over": "已沿用",
    "to be decided": "待确认",
    "done otherwise": "处理方式不同",
    "not possible": "无法导入",
    "where": "位置",
    "`xmsyncd failures accept KEY` sends one as it is, in spite of the rule.": (
        "`xmsyncd failures accept KEY`：不符合规则，仍原样发送该记录。"
    ),
    # what to do next
    "`xmsyncd approve` shows the updates that wait for a person.": (
        "`xmsyncd approve` 显示等待人工确认的更新。"
    ),
    "`xmsyncd failures list` says what did not go through, and why.": (
        "`xmsyncd failures list` 显示未能送达的记录及原因。"
    ),
    "by the clock of the vendor, that of this machine is wrong": "按服务方的时钟，本机时钟不准",
    "Cannot work: see `xmsyncd check` for what is wrong, mend it, and run sync again.": (
        "无法工作：用 `xmsyncd check` 查看原因，更正后再运行 sync。"
    ),
    "Not everything went through: `xmsyncd failures list` says what and why.": (
        "有记录未能送达：`xmsyncd failures list` 显示是哪些及原因。"
    ),
    "More than half is missing from OKKI's list, so none was taken for deleted. If they really are "
    "deleted: `xmsyncd sync --full --accept-absences`.": (
        "OKKI 列表缺少一半以上的记录，因此都没有视为已删除。"
        "若确实已删除：`xmsyncd sync --full --accept-absences`。"
    ),
    "Very many updates: the rest is held, `xmsyncd approve` shows them and lets them go.": (
        "更新过多：其余已暂扣，`xmsyncd approve` 可查看并放行。"
    ),
    "What is left goes on with the next sync, or with the daemon (`xmsyncd run`).": (
        "其余将在下次 sync 或守护进程（`xmsyncd run`）中继续。"
    ),
    (
        "A first try: look at these in Yida. Then one of your choice, `xmsyncd sync --only KEY`; then "
        "all, `xmsyncd sync`, and from then on by itself, `xmsyncd run`."
    ): (
        "首次试运行：请在宜搭中查看。接着送自选的一条：`xmsyncd sync --only KEY`；"
        "再送全部：`xmsyncd sync`；之后自动运行：`xmsyncd run`。"
    ),
    "No daemon is running: the next `xmsyncd sync` or `xmsyncd run` sends them.": (
        "守护进程未运行：下次 `xmsyncd sync` 或 `xmsyncd run` 会发送。"
    ),
    # rules of quality
    "on failure": "不符时",
    "checked": "检查",
    "rejected now": "当前被拒",
    "last value": "最近不符的值",
    "record": "记录",
    "what was found": "发现",
    "reject": "拒绝",
    "warn": "警告",
    "fix": "修正",
    "not configured now": "已不在配置中",
    "counted together before": "以前多条规则合并计数",
    "the record": "整条记录",
    "not asked": "未检查",
    "no rules are configured": "未配置规则",
    # headings
    "pipeline": "管道",
    "state": "状态",
    "records": "记录数",
    "count": "数量",
    "reason": "原因",
    "key": "主键",
    "OKKI id": "OKKI ID",
    "detail": "详情",
    "since": "始于",
    "what": "检查项",
    "found": "发现",
    "expected": "应为",
    "advice": "建议",
    "read": "已读取",
    "decisions": "判定",
    "in Yida now": "宜搭现状",
    "backlog": "积压",
    "watermark": "水位",
    "last success": "上次成功",
    "next run": "下次同步",
    "gaps": "缺口",
    "oldest": "最久",
    "cycle": "周期",
    "rate": "速率",
    "full speed": "全速",
    "calls fail": "调用失败",
    "paused": "已暂停",
    "remaining": "预计还需",
    "as of": "数据时间",
    "unreachable": "无法读取现状",
    "stop": "停止原因",
    "quota": "额度",
    "result": "结果",
    "never": "从未",
    "pages": "页",
    "detail calls": "详情调用",
    "deleted in OKKI since": "OKKI 已删除，始于",
    "left out by where": "被 where 排除",
    "before": "之前",
    "after": "之后",
    "example": "示例",
    "time": "时间",
    "what happened": "经过",
    "component": "组件",
    "desired": "应有内容",
    "in Yida": "宜搭中",
    "reading": "读取",
    "delivering": "送达",
    "left": "剩余",
    "of": "/",
    "nothing": "无",
    "group": "分组",
    "message": "信息",
    "last": "最近",
    "accepted": "已放行",
    "by a person, in spite of a rule": "由人工放行（不符合质量规则）",
    # what a comparison with Yida finds
    "missing": "检索不到",
    "extra": "宜搭多余",
    "different": "内容不同",
    "doubled": "重复实例",
    "gone": "宜搭已删除",
    "ended": "流程已终止",
    "ambiguous": "主键近似",
    "adopted": "已接管",
    "refreshed": "已刷新",
    "unmatched": "无对应记录",
    "instances": "实例",
    "instance": "实例",
    "kind": "类别",
    "updates": "将更新",
    "creates": "将新建",
    "compared": "已比较",
    "differences": "差异",
    "no differences": "没有差异",
    "repaired": "已提交修复",
    "last comparison": "上次核对",
    "delivered was": "已送达",
    "goes on": "继续运行",
    "nothing is held": "没有暂扣的记录",
    "failures of this kind: none": "没有此类失败记录",
    "calls": "次调用",
    # a plan
    "next cycle": "下一周期",
    "changed": "已更改",
    "added": "新增",
    "removed": "移除",
    "not known: the last full read was made by an earlier version": "未知：上次全量读取由旧版本完成",
    "the field": "字段",
    "the rules of": "规则：",
    "the derived field": "派生字段",
    "the look-up table": "对照表",
    "the key component": "主键组件",
    "the group tree": "分组树",
    "the function of transform": "transform 函数",
    "the query parameter": "查询参数",
    "the filter": "过滤条件",
    "the rules about the record as a whole": "整条记录的规则",
    "the rules": "规则",
    "how this version writes values": "本版本写入值的方式",
    "the mark of deleted records": "已删除记录的标记",
    "the setting": "配置项",
    "create or update": "新建或更新",
    "Yida was not asked: this assumes an empty form with these components; `xmsyncd check` tells.": (
        "未查询宜搭：以上假定表单为空且有这些组件；实际情况请用 `xmsyncd check` 查看。"
    ),
    "Yida was not asked: this assumes a form with these components; `xmsyncd check` tells.": (
        "未查询宜搭：以上假定表单有这些组件；实际情况请用 `xmsyncd check` 查看。"
    ),
    "Nothing was written: neither to Yida nor to the ledger.": "未写入任何内容：宜搭与账本均未改动。",
    "window": "读取窗口",
    "the beginning": "最早",
    "taken for deleted": "视为已删除",
    "absent, not believed": "缺失过多，不予采信",
    "in Yida then": "之后的宜搭",
    "calls to Yida": "宜搭调用",
    "calls to OKKI": "OKKI 调用",
    "left of the month": "本月剩余额度",
    "reserve": "预留",
    "not now": "暂不发送",
    "this pipeline has never read anything": "该管道从未读取过",
    "what shapes the output has changed since the last one": "上次全量读取后，影响输出的设置已变化",
    "it is time for it again (full_every)": "已到定期全量读取的时间（full_every）",
    "as asked for": "按要求",
    "the watermark lies in OKKI's future: a clock was wrong": "水位晚于 OKKI 当前时间：时钟曾有误",
    "what changed since the last one": "上次以来的变化",
    "one record": "单条记录",
    "one record, found by reading the whole list": "单条记录（通过读取整个列表找到）",
    # a preview
    "field": "字段",
    "value": "值",
    "from": "来源",
    "the detail": "详情",
    "derived": "派生",
    "type": "类型",
    "template": "模板",
    "inputs": "输入",
    "output": "输出",
    "decision": "判定",
    "state then": "之后的状态",
    "rules": "规则",
    "kept": "符合",
    "warned": "已提示",
    "fixed": "已修正",
    "the whole record": "整条记录",
    "not in the file": "文件中没有",
    "OKKI lists it as deleted: nothing is mapped.": "OKKI 已将其列为删除：不做映射。",
    "no group tree is known here: groups count as unknown": "此处没有分组树：按未知分组处理",
    "OKKI's fields are not known here: custom ones as in the file": "此处没有字段字典：自定义字段以文件为准",
    "custom fields not known here, taken as empty": "此处没有的自定义字段，按空值处理",
    # care of the ledger
    "backup": "备份",
    "bytes": "字节",
    "rule": "规则",
    "rule.file": "文件完整性",
    "rule.schema": "表结构",
    "rule.references": "引用完整性",
    "rule.state": "记录状态",
    "rule.keys": "主键占用",
    "rule.instances": "实例对应",
    "rule.attempts": "未完成的调用",
    "rule.contents": "内容与哈希",
    "rule.forms": "所属表单",
    "rule.balance": "周期对账",
    "rule.meters": "调用计数",
    "rule.times": "时间",
    "look": "查询",
    "search": "检索",
    "get": "读取实例",
    "definitions": "读取表单定义",
    "preview": "预览流程",
    "reserve used": "已用预留",
    "spent, says the vendor": "钉钉答复：本月额度已用完",
    "lasts to the end of the month": "按当前速度本月够用",
    "spent by": "预计用完时间",
}


def words_for(environ: Mapping[str, str]) -> Words:
    """The catalogue for a locale, by the variables that decide about messages."""
    if language_of(environ) == CHINESE:
        return lambda word: _CHINESE.get(word, word)
    return lambda word: word


def words() -> Words:
    """The catalogue for the person at this terminal."""
    return words_for(os.environ)
