"""The running text of the reference of the template language, in both languages, and its own examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a value; ``value`` is JSON, what it comes to on the sample."""

    template: str
    value: str
    english: str
    chinese: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be written, and what to write instead."""

    template: str
    english: str
    chinese: str


@dataclass(frozen=True, slots=True)
class Words:
    """The text around the tables in one language."""

    introduction: str
    forms_title: str
    forms: str
    template: str
    value: str
    meaning: str
    entry_head: tuple[str, ...]
    filters_title: str
    filters: str
    variables_title: str
    variables: str
    functions_title: str
    functions: str
    operators_title: str
    operators: str
    conditions_title: str
    conditions: str
    rules_title: str
    rules: str
    refusals_title: str
    refusals: str
    found: str
    instead: str
    bounds_title: str
    bounds: str
    bound: str
    most: str
    bound_names: tuple[str, ...]
    sample_title: str
    sample: str
    sample_tables: str


FORMS: Final = (
    Form("{product_id}", "20240000000017", "A field with its own type.", "字段，保留原类型。"),
    Form("{{product_id}}", '"20240000000017"', "A field as text.", "字段，转为文本。"),
    Form("型号：{model}", '"型号：  M8×30　"', "Beside text everything is text.", "与文本并列时一律为文本。"),
    Form("{fob.price_min}", '"1.50"', "Inside an object: a dot and a name.", "对象内部：点加名称。"),
    Form(
        "{images.1.file_url}",
        '"https://img.example/2.jpg"',
        "Inside a list: a dot and an index from 0.",
        "列表内部：点加下标（从 0 起）。",
    ),
    Form(
        "{{一级分组}}",
        '"五金"',
        "Names may be of any script; blanks around them do not count.",
        "名称可为中文。",
    ),
    Form("{missing}", '""', "What an item lacks is empty.", "没有的字段为空。"),
    Form(
        "{cost|number}",
        "200",
        "A filter; alone in single braces its type stays.",
        "过滤器；单花括号保留其类型。",
    ),
    Form(
        "{{ model | trim | lower }}",
        '"m8×30"',
        "Filters one after the other, from left to right; blanks do not count.",
        "多个过滤器自左向右依次执行；空白不计。",
    ),
    Form(
        "{{tags|split(',')|join('\\n')}}",
        '"new\\nhot"',
        "Arguments: numbers, single words, or text in quotes; "
        "`\\n`, `\\t`, `\\\\`, `\\'` and `\\\"` are escapes in it.",
        "参数：数字、单个词，或带引号的文本（其中可写 `\\n`、`\\t`、`\\\\`、`\\'`、`\\\"`）。",
    ),
    Form(
        "_function CONCAT({product_no}, '-', LEFT('{{model|trim}}', 2))",
        '"A-001-M8"',
        "An expression; see the functions below.",
        "表达式，见下文的函数。",
    ),
    Form("固定文本", '"固定文本"', "Text without braces is the value itself.", "没有花括号的文本即为值。"),
)

REFUSALS: Final = (
    Refusal(
        "_findCollection find a from b where c={d}",
        "Rows that another scheme has stored are not there to search. Keep them in a look-up table: "
        "`{{name|lookup(table)}}`.",
        "其他方案存储的数据不在此处。请改用对照表：`{{name|lookup(table)}}`。",
    ),
    Refusal("_mongoQuery x findField=y", "The same.", "同上。"),
    Refusal(
        "{{PAGINATION_START_PAGE}}",
        "Pages are for reading OKKI, which this program does by itself: `source.page_size`, `source.params`.",
        "分页由本程序处理：`source.page_size`、`source.params`。",
    ),
    Refusal("{{current_page}}", "The same; also page_size.", "同上；page_size 亦然。"),
    Refusal(
        "编号_function NOW()",
        "An expression is the whole value, or no part of it: `_function CONCAT('编号', NOW())`.",
        "表达式只能占据整个值：`_function CONCAT('编号', NOW())`。",
    ),
    Refusal("{{name|no_such}}", "A filter that is not in the table above.", "上表之外的过滤器。"),
    Refusal("{images[0]}", "An index stands after a dot: `{images.0}`.", "下标写在点后：`{images.0}`。"),
    Refusal("｛name｝", "Full-width braces are slips of the input method.", "全角花括号，多为输入法所致。"),
    Refusal("a } b", "A brace is never plain text outside quotes.", "引号之外花括号不能作为普通文本。"),
)

ENGLISH: Final = Words(
    introduction="""\
# The template language

<!-- Written by "python -m xmsyncd.transform.reference docs"; change the texts in xmsyncd/transform. -->

What stands in `value` of an entry of `fields`. It is compiled when the configuration is loaded: whatever is
not understood is refused there with its place, and never sent on as text. A value that cannot be made of a
product rejects that product with the reason. The language follows published 轻易云 documents, not a
specification of the vendor. Every template on this page is evaluated by the tests, on the
[sample](#the-sample) at its end.
""",
    forms_title="References",
    forms="`{…}` keeps the type, `{{…}}` makes text. Empty are: nothing, blanks, an empty list or object.",
    template="template",
    value="value",
    meaning="meaning",
    entry_head=("written", "does", "examples"),
    filters_title="Filters",
    filters="Behind a reference: `{{name|filter}}`, `{{name|filter(argument, 'argument')}}`. Names in any "
    "case. What is empty stays empty unless the filter says otherwise.",
    variables_title="Variables",
    variables="Times of the cycle. Time alone updates nothing, and each update carries the newest; what "
    "else stands in such a field is a reason to send as anywhere. A key must not look at one. Single braces "
    "give a number.",
    functions_title="Functions",
    functions="A value that begins with `_function` and a blank is a MySQL expression over references, with "
    "arithmetic, comparisons and `CASE`. Values are passed as values, never put into the text: quotes in a "
    "product do no harm. `{name}` is the value, `'text {{name}}'` is text with the value in it.",
    operators_title="Operators",
    operators="Between the values of an expression, in MySQL's order of precedence; parentheses group. Words "
    "in any case. A comparison is 1, 0 or NULL; `NULL`, `TRUE` (1) and `FALSE` (0) are values, too. NULL as "
    "the result of a field is empty.",
    conditions_title="Conditions",
    conditions="The entries of the lists of `where`, as 轻易云 has them: `field`, `logic`, `value`, "
    "`strictMode`; the outer list is OR, the inner one AND. Names of `logic` in any case.",
    rules_title="Quality rules",
    rules="The entries of `quality`.",
    refusals_title="What is refused",
    refusals="When the configuration is loaded, with the place and what to do.",
    found="written",
    instead="instead",
    bounds_title="Bounds",
    bounds="Wide enough for every mapping seen, narrow enough that no text and no product makes the daemon "
    "slow.",
    bound="of",
    most="at most",
    bound_names=(
        "characters of a template or expression",
        "references in one",
        "names in a dotted path",
        "filters behind a reference",
        "characters of a text that is put together or filtered",
        "elements of a list that is made",
    ),
    sample_title="The sample",
    sample="The product of the examples, with group levels and the times of a cycle beside its fields.",
    sample_tables="Its look-up tables:",
)

CHINESE: Final = Words(
    introduction="""\
# 模板语言

<!-- 由 "python -m xmsyncd.transform.reference docs" 生成；请修改 xmsyncd/transform 中的文字。 -->

用于 `fields` 各项的 `value`。加载配置时即编译：不认识的写法当场拒绝并指出位置，绝不当作文本发出。
若某产品得不出值，则该产品被拒并注明原因。语言依据公开的轻易云文档，而非厂商规范。
本页所有模板均由测试在文末[示例产品](#示例产品)上求值。
""",
    forms_title="引用",
    forms="`{…}` 保留类型，`{{…}}` 转为文本。空值包括：无值、空白、空列表、空对象。",
    template="模板",
    value="值",
    meaning="说明",
    entry_head=("写法", "作用", "示例"),
    filters_title="过滤器",
    filters="写在引用之后：`{{name|filter}}`、`{{name|filter(参数, '参数')}}`。名称不分大小写。"
    "除另有说明外，空值保持为空。",
    variables_title="变量",
    variables="本轮同步的时间。仅时间变化不会更新，每次更新都带最新时间；同一字段里的其他内容变化时照常发送。"
    "业务主键不得引用变量。单花括号得数字。",
    functions_title="函数",
    functions="以 `_function` 加空格开头的值为 MySQL 表达式，支持引用、算术、比较和 `CASE`。"
    "值按值传入，从不拼进文本：产品中的引号无害。`{name}` 为值，`'文本 {{name}}'` 为嵌入该值的文本。",
    operators_title="运算符",
    operators="用于表达式的各个值之间，优先级与 MySQL 相同，可用括号分组，单词不分大小写。"
    "比较的结果为 1、0 或 NULL；`NULL`、`TRUE`（1）、`FALSE`（0）本身也是值。结果为 NULL 的字段为空。",
    conditions_title="条件",
    conditions="`where` 各列表的项，与轻易云相同：`field`、`logic`、`value`、`strictMode`；"
    "外层为“或”，内层为“且”。`logic` 的名称不分大小写。",
    rules_title="质量规则",
    rules="`quality` 的各项。",
    refusals_title="拒绝的写法",
    refusals="加载配置时拒绝，并指出位置和改法。",
    found="写法",
    instead="改为",
    bounds_title="上限",
    bounds="足够容纳所有见过的映射，又不至于让任何文本或产品拖慢程序。",
    bound="对象",
    most="上限",
    bound_names=(
        "模板或表达式的字符数",
        "一个模板中的引用数",
        "一条路径中的名称数",
        "一个引用后的过滤器数",
        "拼接或过滤所得文本的字符数",
        "所生成列表的项数",
    ),
    sample_title="示例产品",
    sample="示例所用的产品，字段之外还有分组级别和本轮时间。",
    sample_tables="示例所用的对照表：",
)
