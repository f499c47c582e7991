"""A configuration for a simulation: what a person would write against these vendors, with its reasons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from xmsyncd.errors import ConfigurationError, Fault
from xmsyncd.settings import format_duration
from xmsyncd.simulator.lists import LISTS, PRODUCT, ListKind
from xmsyncd.simulator.options import SimulatorOptions
from xmsyncd.simulator.oracle import FIRST_GROUP, GROUP_ID, NAME, NUMBER, PRODUCT_TYPE, REMARK

MARK: Final = "# A configuration for a simulation, written by xmsyncd."
"""The first line: a file that begins with it may be written anew, any other is somebody's own."""

# What the simulator's oracle expects of each component.
_FIELDS: Final = (
    (NAME, "产品名称", "{name}", "text keeps its type"),
    (NUMBER, "产品编码", "{product_no}", "the key: one instance for each number"),
    (FIRST_GROUP, "一级分类", "{{一级分组}}", "from OKKI's tree of groups"),
    (GROUP_ID, "二级分类", "{group_id}", "the id as it is"),
    (PRODUCT_TYPE, "产品规格", "{product_type}", "only the detail call shows it"),
    (REMARK, "产品备注", "{product_remark}", "several lines"),
)


def pipeline_of(kind: ListKind) -> str:
    """What the pipeline of a simulated list is called."""
    return "products" if kind is PRODUCT else kind.name.value


def _fields_of(kind: ListKind) -> tuple[tuple[str, str, str, str], ...]:
    """Component, label, template and what there is to say of it."""
    if kind is PRODUCT:
        return _FIELDS
    named = ((NAME, "名称", f"{{{kind.name_field}}}", "text keeps its type"),) if kind.name_field else ()
    number = (NUMBER, "编号", f"{{{kind.number_field}}}", "the key: one instance for each number")
    return (*named, number, (REMARK, "备注", f"{{{kind.text_field}}}", "several lines"))


_REQUIRED: Final = (NAME, NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How the daemon is to work against a simulation; the defaults are in the vendors' proportions."""

    ledger: str = "xmsyncd.db"
    every: timedelta = timedelta(seconds=10)
    okki_requests_per_second: float = 40
    requests_per_second: float = 20
    monthly_calls: int = 0
    read_back_after: tuple[timedelta, ...] = tuple(timedelta(seconds=n) for n in (2, 6, 20, 60))
    call_timeout: timedelta = timedelta(seconds=6)
    drain: timedelta = timedelta(seconds=8)
    port: int = 9464


def configuration_for(options: SimulatorOptions, okki_url: str, yida_url: str, habits: Habits) -> str:
    """The file's text; its secrets are those of the simulation, which protect nothing."""
    kind = LISTS[options.resource]
    chosen = _fields_of(kind)
    text = json.dumps  # a JSON string is a YAML one
    reserve = habits.monthly_calls // 20
    looks = ", ".join(format_duration(delay) for delay in habits.read_back_after)

    def shown(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    fields = "\n".join(
        f"      - {{field: {field}, label: {label}, type: string, value: {shown(value)}}}  # {remark}"
        for field, label, value, remark in chosen
    )
    required = "\n".join(
        f"      - {{field: {one[0]}, rule: required}}" for one in chosen if one[0] in _REQUIRED
    )
    return f"""\
{MARK}
# Everything here is on this machine, secrets included. A simulation forgets when it ends: then remove the
# ledger too, or the next one would be compared with what it never saw.

okki:
  main:
    base_url: {okki_url}
    client_id: {text(options.client_id)}
    client_secret: {text(options.client_secret)}
    requests_per_second: {habits.okki_requests_per_second:g}  # the real one gets 2: nobody knows its limit

dingtalk:
  main:
    base_url: {yida_url}
    app_key: {text(options.app_key)}
    app_secret: {text(options.app_secret)}
    requests_per_second: {habits.requests_per_second:g}  # for each API; the vendor's own limit is 20
    monthly_calls: {habits.monthly_calls}  # 0 = not metered
    reserve_calls: {reserve}
    connect_timeout: 2s

ledger:
  url: {text("sqlite:///" + habits.ledger)}  # beside this file

delivery:
  call_timeout: {format_duration(habits.call_timeout)}
  read_back_after: [{looks}]  # looks for a create of unknown outcome, counted from sending
  drain: {format_duration(habits.drain)}

http: {{host: 127.0.0.1, port: {habits.port}}}  # console, /metrics, /livez, /readyz
log: {{level: info, format: json}}

pipelines:
  {pipeline_of(kind)}:
    schedule: {{every: {format_duration(habits.every)}}}
    source: {{{"" if kind is PRODUCT else f"resource: {kind.name}, "}page_size: 50}}
    target:
      app_type: {text(options.app_type)}
      system_token: {text(options.system_token)}
      user_id: {text(options.user_id)}
      form_uuid: {text(options.form_uuid)}
      process_code: {text(options.process_code)}
      key: {text(options.key_component)}
    guard: {{updates: none, share: none}}  # off: simulated people edit without end
    fields:
{fields}
    quality:  # a record that fails is listed with the reason, and the others go on
{required}
"""


def write_configuration(path: Path, text: str) -> None:
    """Write the file (mode 600, its folder must exist). Raises ``ConfigurationError``: nothing is overwritten
    but an earlier file of this kind.
    """
    expected = "a new file, or one that `xmsyncd simulate` has written"
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise ConfigurationError([Fault(str(path), "a configuration of somebody's own", expected)])
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        raise ConfigurationError([Fault(str(path), str(error.strerror or error), expected)]) from error
