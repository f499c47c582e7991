"""The filters of a reference, by name: ``{{update_time|date}}``, ``{tags|split(',')|join('、')}``.

What is empty stays empty through every filter but those that say otherwise (``default``, ``count``, ``bool``,
``choose``, ``lookup``): whether a value must be there is what rules say. Part of step 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from xmsyncd.transform import list_filters as lists
from xmsyncd.transform import number_filters as numbers
from xmsyncd.transform import text_filters as texts
from xmsyncd.transform import time_filters as times
from xmsyncd.transform.filter import Apply, Filter, Kind, Parameter
from xmsyncd.transform.tables import LookupTable
from xmsyncd.transform.value_types import is_empty, text_of


def _default(value: Any) -> Apply:
    return lambda given: value if is_empty(given) else given


def _lookup(table: LookupTable) -> Apply:
    return table.find


def _always(apply: Apply) -> Callable[[], Apply]:
    return lambda: apply


_SEPARATOR = Parameter("separator", Kind.TEXT)
_PATH_PARAMETER = Parameter("path", Kind.PATH)
_PLACES = Parameter("number of places", Kind.PLACES)

_ALL: Final = (
    Filter(
        "datetime",
        "datetime",
        "A time as YYYY-MM-DD HH:MM:SS in Beijing time. Takes epoch seconds (or milliseconds, from 12 digits "
        "on), and texts that begin with a date; one that names its zone is converted. 0 is empty.",
        "北京时间 YYYY-MM-DD HH:MM:SS。接受纪元秒（12 位起为毫秒）和以日期开头的文本，"
        "带时区的会换算；0 视为空。",
        (
            ("{{created|datetime}}", '"2026-11-23 08:05:09"'),
            ("{{update_time|dateTime}}", '"2026-11-20 09:30:00"'),
        ),
        _always(times.as_datetime),
    ),
    Filter(
        "date",
        "date",
        "The same as YYYY-MM-DD.",
        "同上，只取 YYYY-MM-DD。",
        (("{{update_time|date}}", '"2026-11-20"'),),
        _always(times.as_date),
    ),
    Filter(
        "timestamp",
        "timestamp",
        "A time as whole seconds since 1970; texts without a zone are Beijing time.",
        "自 1970 年起的整秒数；无时区的文本按北京时间。",
        (("{update_time|timestamp}", "1795138200"),),
        _always(times.as_timestamp),
    ),
    Filter(
        "timestamp_ms",
        "timestamp_ms",
        "The same in milliseconds, which is what Yida's date components hold.",
        "同上，毫秒；宜搭日期组件用此格式。",
        (("{update_time|timestamp_ms}", "1795138200000"),),
        _always(times.as_timestamp_ms),
    ),
    Filter(
        "number",
        "number",
        "A number, also from text and with well-placed thousands separators; whole where nothing is behind "
        "the point.",
        "转为数字，文本及正确书写的千分位亦可；小数部分为零时为整数。",
        (("{cost|number}", "200"), ("{fob.price_min|number}", "1.5")),
        _always(numbers.as_number),
    ),
    Filter(
        "int",
        "int",
        "A whole number; one with a fraction is refused (round it first).",
        "转为整数；有小数部分则拒绝（请先 round）。",
        (("{cost|int}", "200"),),
        _always(numbers.as_int),
    ),
    Filter(
        "round",
        "round, round(places)",
        "The number rounded, halves away from zero as MySQL does; without places to a whole number.",
        "四舍五入（与 MySQL 相同，远离零）；不写位数则取整。",
        (("{fob.price_min|round}", "2"), ("{weight|round(2)}", "0.13")),
        numbers.rounding,
        (_PLACES,),
    ),
    Filter(
        "decimals",
        "decimals(places)",
        "The number, rounded, as text with exactly so many decimals.",
        "四舍五入后写成恰好 n 位小数的文本。",
        (("{{cost|decimals(2)}}", '"200.00"'),),
        numbers.decimals,
        (_PLACES,),
        1,
    ),
    Filter(
        "bool",
        "bool",
        "True or false from true/false, 1/0, yes/no, y/n, on/off, 是/否; what is empty is false.",
        "由 true/false、1/0、yes/no、y/n、on/off、是/否 得真或假；空为假。",
        (("{disable_flag|bool}", "false"),),
        _always(numbers.as_bool),
    ),
    Filter(
        "choose",
        "choose('yes', 'no')",
        "The first argument for true, the second for false; true and false as bool knows them.",
        "为真取第一个参数，为假取第二个；真假判断同 bool。",
        (("{{disable_flag|choose('停售', '在售')}}", '"在售"'),),
        numbers.choosing,
        (Parameter("value for yes", Kind.VALUE), Parameter("value for no", Kind.VALUE)),
        2,
    ),
    Filter(
        "text",
        "text",
        "The value as text, as double braces give it.",
        "转为文本，与双花括号相同。",
        (("{product_id|text}", '"20240000000017"'),),
        _always(text_of),
    ),
    Filter(
        "trim",
        "trim",
        "Without blanks at both ends, full-width ones and those of no width included.",
        "去掉首尾空白，包括全角空格和零宽字符。",
        (("{{model|trim}}", '"M8×30"'),),
        _always(texts.trim),
    ),
    Filter(
        "upper",
        "upper",
        "In capital letters.",
        "转为大写。",
        (("{{product_no|upper}}", '"A-001"'),),
        _always(texts.upper),
    ),
    Filter(
        "lower",
        "lower",
        "In small letters.",
        "转为小写。",
        (("{{product_no|lower}}", '"a-001"'),),
        _always(texts.lower),
    ),
    Filter(
        "truncate",
        "truncate(length), truncate(length, 'ending')",
        "At most so many characters, the ending included where something was cut off.",
        "最多 n 个字符；被截断时末尾加上 ending（计入长度）。",
        (("{{name|truncate(2)}}", '"六角"'), ("{{name|truncate(3, '…')}}", '"六角…"')),
        texts.truncating,
        (Parameter("length", Kind.LENGTH), Parameter("ending", Kind.TEXT)),
        1,
    ),
    Filter(
        "replace",
        "replace('found', 'new')",
        "Every occurrence of the first text replaced by the second.",
        "把第一个文本的所有出现替换为第二个。",
        (("{{product_no|replace('-', '')}}", '"A001"'),),
        texts.replacing,
        (Parameter("text to find", Kind.TEXT, may_be_empty=False), Parameter("new text", Kind.TEXT)),
        2,
    ),
    Filter(
        "strip_html",
        "strip_html",
        "Plain text out of HTML: tags, scripts and comments go, ends of blocks become line breaks, character "
        "references become characters.",
        "由 HTML 得纯文本：去掉标签、脚本和注释，块结束处换行，字符引用还原为字符。",
        (("{{description|strip_html}}", '"304 钢\\n耐腐蚀 & 防锈"'),),
        _always(texts.strip_html),
    ),
    Filter(
        "one_line",
        "one_line",
        "Every run of blanks and line breaks becomes one blank.",
        "连续的空白与换行合并为一个空格。",
        (("{{product_remark|one_line}}", '"first second"'),),
        _always(texts.one_line),
    ),
    Filter(
        "split",
        "split('separator')",
        "The list of the parts between the separators.",
        "按分隔符拆成列表。",
        (("{tags|split(',')}", '["new","hot"]'), ("{{tags|split(',')|last}}", '"hot"')),
        texts.splitting,
        (Parameter("separator", Kind.TEXT, may_be_empty=False),),
        1,
    ),
    Filter(
        "join",
        "join, join('separator')",
        'The elements of a list as one text, empty ones left out; without a separator ", ". As in all '
        "filters of lists, a single value is a list of one.",
        "把列表各项连成一个文本，空项略去；不写分隔符则为“, ”。所有列表过滤器都把单个值当作只有一项的列表。",
        (("{{sku_items|pluck('sku_code')|join('、')}}", '"A-001-R、A-001-B"'),),
        lists.joining,
        (_SEPARATOR,),
    ),
    Filter(
        "first",
        "first",
        "The first element of a list.",
        "列表的第一项。",
        (("{{images|pluck('file_url')|first}}", '"https://img.example/1.jpg"'),),
        _always(lists.first),
    ),
    Filter(
        "last",
        "last",
        "The last element of a list.",
        "列表的最后一项。",
        (("{{images|pluck('file_url')|last}}", '"https://img.example/2.jpg"'),),
        _always(lists.last),
    ),
    Filter(
        "count",
        "count",
        "How many elements a list has; what is empty has 0.",
        "列表的项数；空为 0。",
        (("{sku_items|count}", "2"), ("{missing|count}", "0")),
        _always(lists.count),
    ),
    Filter(
        "pluck",
        "pluck('path')",
        "Of each element what the path leads to; elements without it are left out.",
        "取每一项中该路径的值；没有该值的项略去。",
        (("{sku_items|pluck('sku_code')}", '["A-001-R","A-001-B"]'),),
        lists.plucking,
        (_PATH_PARAMETER,),
        1,
    ),
    Filter(
        "map",
        "map('path')",
        "Another name of pluck.",
        "pluck 的另一名称。",
        (("{images|map('file_url')|count}", "2"),),
        lists.plucking,
        (_PATH_PARAMETER,),
        1,
    ),
    Filter(
        "get",
        "get('path')",
        "What the path leads to from the value: a name in an object, an index (from 0) in a list.",
        "从该值出发按路径取值：对象用名称，列表用下标（从 0 起）。",
        (("{{tags|split(',')|get(0)}}", '"new"'),),
        lists.getting,
        (_PATH_PARAMETER,),
        1,
    ),
    Filter(
        "named",
        "named('name')",
        "Out of a list of {name, value}, as OKKI's info_json, the value of the entry with this name.",
        "在 {name, value} 列表（如小满的 info_json）中取该名称的值。",
        (("{{info_json|named('材质')}}", '"304"'),),
        lists.naming,
        (Parameter("name", Kind.TEXT, may_be_empty=False),),
        1,
    ),
    Filter(
        "pairs",
        "pairs, pairs('between')",
        'Of a list of {name, value} the list of the texts name + between + value; without argument "：".',
        "把 {name, value} 列表变为“名称+between+值”的文本列表；不写参数则为“：”。",
        (("{{info_json|pairs('=')|join('; ')}}", '"材质=304; 颜色=银"'),),
        lists.pairing,
        (Parameter("text between", Kind.TEXT),),
    ),
    Filter(
        "unique",
        "unique",
        "A list without repeats, in its order.",
        "列表去重，保持顺序。",
        (("{category_ids|unique}", "[11,12]"),),
        _always(lists.unique),
    ),
    Filter(
        "default",
        "default(value)",
        "The argument where nothing is there. A key is refused all the same where no field gives anything.",
        "为空时取参数。若业务主键的所有字段都为空，仍会被拒绝。",
        (("{{missing|default('无')}}", '"无"'), ("{missing|default(0)}", "0")),
        _default,
        (Parameter("value", Kind.VALUE),),
        1,
    ),
    Filter(
        "lookup",
        "lookup(table)",
        "What the look-up table of this name holds for the value; the table says what a missing entry means.",
        "在该名称的对照表中查值；找不到时按对照表的设定处理。",
        (("{{product_type|lookup(kinds)}}", '"多规格"'),),
        _lookup,
        (Parameter("table", Kind.TABLE),),
        1,
    ),
    Filter(
        "json",
        "json",
        "The value as JSON text, keys sorted.",
        "转为 JSON 文本，键已排序。",
        (("{{fob|json}}", '"{\\"price_currency\\":\\"USD\\",\\"price_min\\":\\"1.50\\"}"'),),
        _always(texts.as_json),
    ),
    Filter(
        "from_json",
        "from_json",
        "The value that a JSON text holds; lists and objects pass as they are.",
        "解析 JSON 文本；列表和对象原样通过。",
        (("{{package|from_json|get('length')}}", '"12"'),),
        _always(texts.from_json),
    ),
)

FILTERS: Final[Mapping[str, Filter]] = {known.name: known for known in _ALL}
"""Every filter by its name in small letters."""
