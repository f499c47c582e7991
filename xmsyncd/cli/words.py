"""The few words that people read in their own language: English, or Chinese where the locale says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

Words = Callable[[str], str]
"""A word of ours (a state, a heading) in the person's language."""

_CHINESE: Final[Mapping[str, str]] = {
    # states
    "delivered": "已送达",
    "pending": "待发送",
    "sending": "发送中",
    "undecided": "结果未定",
    "rejected": "已拒绝",
    "waiting": "等待主键",
    "held": "已暂扣",
    "parked": "待人工处理",
    "discarded": "已放弃",
    "running": "运行中",
    "idle": "空闲",
    "stopped": "已停止",
    # what a cycle decided
    "create": "新建",
    "update": "更新",
    "unchanged": "无变化",
    "filtered": "排除",
    "repeat": "重复",
    # how a cycle ended, and what kind it was
    "done": "完成",
    "unproven": "未证实完整",
    "failed": "失败",
    "interrupted": "中断",
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
    "product list": "产品列表",
    "key of the list": "列表键名",
    "key of the total": "总数键名",
    "largest page": "最大页",
    "number of the first page": "首页页码",
    "order of the list": "列表顺序",
    "a page beyond the end": "超出末页",
    "filter by update time": "按更新时间过滤",
    "fields of the list": "列表字段",
    "deleted products": "已删除产品",
    "product groups": "产品分组",
    "OKKI's clock": "OKKI 时钟",
    "zone of update_time": "update_time 时区",
    "form": "表单",
    "approvers": "审批人",
    "earlier probes": "以往探测",
    "start of an instance": "发起实例",
    "approval": "审批",
    "reading by id": "按 ID 读取",
    "search by the key": "按主键搜索",
    "delay of the search": "搜索延迟",
    "meaning of eq": "eq 的含义",
    "update of an instance": "更新实例",
    "blank text": "空文本",
    "zone of instance times": "实例时间时区",
    "instances of others": "他人的实例",
    # headings
    "pipeline": "管道",
    "state": "状态",
    "records": "记录数",
    "count": "数量",
    "reason": "原因",
    "key": "主键",
    "OKKI id": "OKKI ID",
    "detail": "详情",
    "since": "起始时间",
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
    "stop": "停止原因",
    "quota": "额度",
    "result": "结果",
    "never": "从未",
    "pages": "页",
    "detail calls": "详情调用",
    "deleted in OKKI since": "OKKI 已删除，始于",
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
    "nothing is held": "没有暂扣的记录",
    "failures of this kind: none": "没有此类失败记录",
    "calls": "次调用",
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
    "rule.balance": "周期平衡",
    "rule.meters": "调用计数",
    "rule.times": "时间",
}


def words_for(environ: Mapping[str, str]) -> Words:
    """The catalogue for a locale, by the variables that decide about messages."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    if locale.lower().startswith("zh"):
        return lambda word: _CHINESE.get(word, word)
    return lambda word: word


def words() -> Words:
    """The catalogue for the person at this terminal."""
    return words_for(os.environ)
