"""The page of OKKI's lists, written from the table: ``docs/resources.md`` and its Chinese twin.

``python -m xmsyncd.settings.resource_reference > docs/resources.md``, and with ``zh-CN`` behind it for
``docs/resources.zh-CN.md``; a test compares both.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from xmsyncd.settings.resources import RESOURCES, Confidence, Doubt, Resource


@dataclass(frozen=True, slots=True)
class _Words:
    """One language of the page."""

    introduction: str
    heads: tuple[str, ...]
    confidence: dict[Confidence, str]
    no_time_type: str
    by_id_only: str
    absent: str
    doubts: str


_ENGLISH: Final = _Words(
    introduction="""\
# What can be read from OKKI

<!-- Written by "python -m xmsyncd.settings.resource_reference"; change xmsyncd/settings/resources.py. -->

`source.resource` of a pipeline names one of these lists; each pipeline reads one, and several pipelines of
one daemon may read different ones into different forms. All of them page by `start_index` and `count`, and
are read, proven, mapped and delivered in the same way. Names of fields in templates are those of OKKI's
answer: `{supplier_no}`, `{company.name}`.

```yaml
pipelines:
  suppliers:
    source: {resource: supplier}
    target: {key: textField_no, …}
    fields:
      - {field: textField_no, value: "{supplier_no}"}
      - {field: textField_name, value: "{name}"}
```

- **Where the names come from.** *doc*: OKKI's page declares them. *example*: part of them stands only in the
  page's example. *inferred*: part of what is asked is declared otherwise. Nothing was verified on a tenant.
  Where yours differs, `source.id_field`, `source.number_field`, `source.updated_field`, `source.total_keys`
  and `source.params` say so; `xmsyncd check` shows an id or a time that cannot be read.
- **`time_type`.** The values that OKKI documents; xmsyncd asks by 1 (update), or by 2 (creation) if told so.
- **Scope.** The token asks for the scopes of all pipelines of a connection, unless `okki.<name>.scope` is
  set. A scope that OKKI has not granted refuses the whole token: every pipeline of the connection then
  stands still.
- **Deleted records.** Where the list has a flag, 0 means deleted. All others show a deletion by absence: a
  record that two proven full reads in a row lack counts as deleted (`source.full_every`, `target.on_delete`).
- **Details.** Many lists show less than the detail does (customers above all). Name what only the detail
  shows in `source.detail_fields`: it is then asked for each new or changed record that lacks a mapped one of
  them. `xmsyncd probe` finds them.
- **Custom fields** of every list have names: `derive: {warranty: {custom: 保修期}}` (the names come from the
  `fields` path beside each list).
- **Only products have** groups (`{{一级分组}}`, `{{二级分组}}` and the settings about them).
- **The pipeline keeps its list.** To read another, give the pipeline another name or a ledger of its own.
""",
    heads=(
        "resource",
        "list",
        "id",
        "number",
        "name",
        "changed at",
        "`time_type`",
        "total",
        "deleted",
        "detail",
        "scope",
        "known from",
    ),
    confidence={
        Confidence.DOCUMENTED: "doc",
        Confidence.EXAMPLE: "doc, example",
        Confidence.INFERRED: "doc, inferred",
    },
    no_time_type="none: by update time",
    by_id_only="by id",
    absent="by absence",
    doubts="## What is open",
)
_CHINESE: Final = _Words(
    introduction="""\
# 可从 OKKI 读取的列表

<!-- 由 "python -m xmsyncd.settings.resource_reference zh-CN" 生成；请修改 xmsyncd/settings/resources.py。 -->

管道的 `source.resource` 取下表之一；每个管道读取一个列表，同一守护进程中的多个管道可以把不同列表
写入不同表单。所有列表都以 `start_index`、`count` 分页，读取、完整性证明、映射和写入方式完全相同。
模板中的字段名即 OKKI 返回的字段名：`{supplier_no}`、`{company.name}`。

```yaml
pipelines:
  suppliers:
    source: {resource: supplier}
    target: {key: textField_no, …}
    fields:
      - {field: textField_no, value: "{supplier_no}"}
      - {field: textField_name, value: "{name}"}
```

- **字段名的来源。** *文档*：OKKI 接口文档有声明；*示例*：部分只出现在文档示例中；
  *推断*：部分请求方式与文档不同。均未在真实租户上验证。如有不同，
  用 `source.id_field`、`source.number_field`、`source.updated_field`、
  `source.total_keys`、`source.params` 指定；读不到 ID 或时间时 `xmsyncd check` 会指出。
- **`time_type`。** 表中为 OKKI 文档给出的取值；本程序按 1（更新时间）读取，也可配置为 2（创建时间）。
- **授权范围（scope）。** 未设置 `okki.<名称>.scope` 时，令牌申请该连接所有管道所需的 scope。
  其中任何一个未获授权，OKKI 会拒绝整个令牌，该连接的所有管道都会停止。
- **已删除的记录。** 列表带删除标志时，0 表示已删除；其余列表以“不再出现”体现：
  连续两次经证明完整的全量读取都未出现，即视为已删除（`source.full_every`、`target.on_delete`）。
- **详情。** 许多列表的字段少于详情（客户尤其如此）。把只有详情才有的字段写入 `source.detail_fields`：
  新增或有变化、且缺少所映射字段的记录会逐条查询详情。`xmsyncd probe` 可以找出这些字段。
- **自定义字段。** 每个列表的自定义字段都可按名称使用：`derive: {保修: {custom: 保修期}}`
  （名称取自各列表旁的 `fields` 接口）。
- **只有产品有**分组（`{{一级分组}}`、`{{二级分组}}` 及相关配置项）。
- **管道与列表绑定。** 要读取另一个列表，请为管道另起名称，或使用独立的账本。
""",
    heads=(
        "resource",
        "列表",
        "ID",
        "编号",
        "名称",
        "更新时间",
        "`time_type`",
        "总数",
        "删除标志",
        "详情",
        "scope",
        "依据",
    ),
    confidence={
        Confidence.DOCUMENTED: "文档",
        Confidence.EXAMPLE: "文档、示例",
        Confidence.INFERRED: "文档、推断",
    },
    no_time_type="无：按更新时间",
    by_id_only="仅按 ID",
    absent="以缺席体现",
    doubts="## 尚不确定之处",
)


def render_resources(*, chinese: bool = False) -> str:
    """The whole page in one language."""
    words = _CHINESE if chinese else _ENGLISH
    lines = [words.introduction]
    lines.append("| " + " | ".join(words.heads) + " |")
    lines.append("| " + " | ".join("---" for _ in words.heads) + " |")
    lines += ["| " + " | ".join(_cells(row, words, chinese=chinese)) + " |" for row in RESOURCES.values()]
    lines += ["", words.doubts, ""]
    lines += [
        f"- `{row.name}`: " + ("" if chinese else " ").join(_text(one, chinese=chinese) for one in row.doubts)
        for row in RESOURCES.values()
        if row.doubts
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Resource, words: _Words, *, chinese: bool) -> Iterator[str]:
    noun = row.noun.chinese if chinese else row.noun.many
    yield f"`{row.name}` {noun}"
    yield f"`{row.path}`"
    yield f"`{row.id_field}`"
    yield f"`{row.number_field}`"
    yield f"`{row.name_field}`" if row.name_field else "–"
    yield f"`{row.updated_field}`"
    yield ", ".join(map(str, row.time_types)) if row.time_types else words.no_time_type
    yield f"`{row.total_keys[0]}`"
    yield f"`{row.deleted_field}`" if row.deleted_field else words.absent
    detail = f"`{row.detail_path}`" if row.detail_path else "–"
    yield detail if row.detail_by_number or not row.detail_path else f"{detail} ({words.by_id_only})"
    yield f"`{row.scope}`"
    yield words.confidence[row.confidence]


def _text(doubt: Doubt, *, chinese: bool) -> str:
    return doubt.chinese if chinese else doubt.english


if __name__ == "__main__":
    sys.stdout.write(render_resources(chinese="zh-CN" in sys.argv[1:]))
