"""What a simulation may be asked to be: one frozen set of options, also readable from JSON."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any


class ListName(StrEnum):
    """The lists that OKKI serves."""

    PRODUCT = "product"
    COMPANY = "company"
    SUPPLIER = "supplier"
    ORDER = "order"
    QUOTATION = "quotation"
    OPPORTUNITY = "opportunity"
    LEAD = "lead"
    RECEIPT = "receipt"
    PURCHASE_ORDER = "purchase_order"
    OUTBOUND = "outbound"


class OkkiTotal(StrEnum):
    """How a list tells its total (the vendor's pages disagree); COUNT: as that list is documented."""

    COUNT = "count"
    TOTAL_ITEM = "totalItem"
    STRING = "string"
    MISSING = "missing"
    LIE = "lie"


class Envelope(StrEnum):
    """The success code, and with it the name of the text beside it."""

    ZERO = "zero"
    TWO_HUNDRED = "two_hundred"


class IdType(StrEnum):
    """How ids look in JSON; MIXED changes from page to page."""

    INT = "int"
    STR = "str"
    MIXED = "mixed"


class ListOrder(StrEnum):
    """The order of a list, which the vendor does not state."""

    NEWEST = "newest"
    BY_ID = "id"
    UNORDERED = "unordered"


class GroupsShape(StrEnum):
    """What GET /v1/product/groups answers."""

    FLAT = "flat"
    NESTED = "nested"
    EMPTY = "empty"
    CYCLE = "cycle"
    ORPHAN = "orphan"


class TokenBody(StrEnum):
    """Which body OKKI's token call reads; the vendor's page names both."""

    EITHER = "either"
    FORM_ONLY = "form_only"
    JSON_ONLY = "json_only"


class RateWindow(StrEnum):
    """How the gateway counts a second."""

    FIXED = "fixed"
    SLIDING = "sliding"
    BUCKET = "bucket"


class FormKind(StrEnum):
    """Process form or ordinary form."""

    PROCESS = "process"
    FORM = "form"


class EqMeaning(StrEnum):
    """What the search operator `eq` does with text (unknown at the vendor)."""

    EXACT = "exact"
    IGNORE_CASE = "ignore_case"
    TRIMMED = "trimmed"
    SUBSTRING = "substring"


class InstanceTimes(StrEnum):
    """How the times of instances read: their names say GMT, samples look like local time (unknown)."""

    UTC = "utc"
    LOCAL = "local"
    UNMARKED_UTC = "unmarked_utc"


class Searchable(StrEnum):
    """What a search over components finds; NEVER_FOUND is a component outside the searchable fields."""

    YES = "yes"
    NEVER_FOUND = "never_found"
    REFUSED = "refused"


class BlankText(StrEnum):
    """How an empty text component reads back (unknown at the vendor)."""

    SHOWN = "shown"
    ABSENT = "absent"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a Yida form, as the definitions call describes it."""

    field_id: str
    component_name: str = "TextField"
    label: str = ""
    parent_id: str = ""
    required: bool = False
    options: tuple[str, ...] = ()


EXAMPLE_COMPONENTS = (
    Component("textField_lq0sj9h9", "TextField", "产品名称"),
    Component("textField_lq23ags2", "TextField", "产品编码"),
    Component("textField_lq0sj9h3", "TextField", "一级分类"),
    Component("textField_lqdd2tui", "TextField", "二级分类"),
    Component("textField_lstsv908", "TextField", "产品规格"),
    Component("textareaField_lq23ags6", "TextareaField", "产品备注"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Everything a simulation is started with; what may change while it runs is changed through its control.

    Ports of 0 are chosen by the system. `qps` limits each Yida API by itself; None means no limit, as
    `monthly_calls` None means not metered.
    """

    host: str = "127.0.0.1"
    okki_port: int = 0
    yida_port: int = 0
    control_port: int = 0
    seed: int = 1

    # OKKI's stores: `products` entries of the list `resource`, `records` of each other one
    resource: ListName = ListName.PRODUCT
    products: int = 300
    records: int = 0
    dirty_products: int = 0
    edits_per_second: float = 0.0
    timezone: str = "Asia/Shanghai"
    clock_offset: timedelta = timedelta(0)

    # OKKI's API
    client_id: str = "demo-client-id"
    client_secret: str = "demo-client-secret"
    okki_token_body: TokenBody = TokenBody.EITHER
    okki_token_life: timedelta = timedelta(hours=8)
    okki_token_tells_life: bool = True
    okki_bare_token: bool = False
    okki_latency: timedelta = timedelta(0)
    okki_page_clamp: int | None = 100
    okki_page_default: int = 20
    okki_total: OkkiTotal = OkkiTotal.COUNT
    okki_order: ListOrder = ListOrder.NEWEST
    okki_last_page_repeats: bool = False
    okki_empty_array: bool = False
    okki_tells_now: bool = True
    okki_honours_time: bool = True
    okki_date_only: bool = False
    envelope: Envelope = Envelope.ZERO
    id_type: IdType = IdType.INT
    product_type_in_list: bool = False
    deleted_listed: bool = True
    groups_shape: GroupsShape = GroupsShape.FLAT

    # DingTalk's gateway
    app_key: str = "demo-app-key"
    app_secret: str = "demo-app-secret"
    yida_token_life: timedelta = timedelta(seconds=7200)
    latency: timedelta = timedelta(0)
    qps: float | None = None
    window: RateWindow = RateWindow.FIXED
    monthly_calls: int | None = None

    # Yida's app and form
    app_type: str = "APP_DEMO0000000000000000"
    system_token: str = "demo-system-token"
    user_id: str = "demo-user"
    form_uuid: str = "FORM-DEMO0000000000000000000000000001"
    process_code: str = "TPROC--DEMO0000000000000000000000001"
    form_kind: FormKind = FormKind.PROCESS
    components: tuple[Component, ...] = EXAMPLE_COMPONENTS
    key_component: str = "textField_lq23ags2"
    start_v1_refused: bool = False
    process_update_refused: bool = False
    forms_update_on_process: bool = True
    instance_status: str = "RUNNING"
    process_update_lost: bool = False
    blank_text: BlankText = BlankText.SHOWN
    composed_as_text: bool = False
    options_by_value: bool = False
    search_shows_tables: bool = True
    instance_times: InstanceTimes = InstanceTimes.UTC
    approver: str = ""
    preview_refused: bool = False
    delete_refused: bool = False

    # A robot of a DingTalk group, at the same address as Yida
    robot_token: str = "demo-robot-token"
    robot_secret: str = "SECdemo-robot-secret"
    robot_keyword: str = ""

    # Yida's search
    index_lag: timedelta = timedelta(0)
    index_jitter: timedelta = timedelta(0)
    index_frozen: bool = False
    eq_meaning: EqMeaning = EqMeaning.EXACT
    searchable: Searchable = Searchable.YES
    search_depth: int = 5000

    def __post_init__(self) -> None:
        """Refuse what no simulation can be (ValueError)."""
        if not 0 <= self.products <= 10_000_000:
            raise ValueError("products: between 0 and 10 million")
        if not 0 <= self.records <= 10_000_000:
            raise ValueError("records: between 0 and 10 million")
        if self.qps is not None and self.qps <= 0:
            raise ValueError("qps: greater than 0, or absent for no limit")
        for name in ("latency", "okki_latency", "index_lag", "index_jitter"):
            if getattr(self, name) < timedelta(0):
                raise ValueError(f"{name}: not negative")


def options_from_mapping(values: Mapping[str, Any]) -> SimulatorOptions:
    """Options from parsed JSON; durations in seconds, with or without `_seconds` at the end of their names.

    Raises ValueError that names every unknown or unreadable entry at once.
    """
    hints = typing.get_type_hints(SimulatorOptions)
    accepted: dict[str, Any] = {}
    faults: list[str] = []
    for given, value in values.items():
        name = given.removesuffix("_seconds")
        if name not in hints or (name != given and hints[name] is not timedelta):
            faults.append(f"{given}: no such option")
            continue
        try:
            accepted[name] = _converted(hints[name], value)
        except (TypeError, ValueError) as fault:
            faults.append(f"{given}: {fault}")
    if faults:
        raise ValueError("; ".join(faults))
    return SimulatorOptions(**accepted)


def options_to_mapping(options: SimulatorOptions) -> dict[str, Any]:
    """The same options as JSON can hold them; options_from_mapping reads them back."""
    shown: dict[str, Any] = {}
    for each in dataclasses.fields(options):
        value = getattr(options, each.name)
        if isinstance(value, timedelta):
            value = value.total_seconds()
        elif each.name == "components":
            value = [dataclasses.asdict(component) for component in value]
        shown[each.name] = value
    return shown


def _converted(kind: Any, value: Any) -> Any:
    if kind is timedelta:
        return value if isinstance(value, timedelta) else timedelta(seconds=_number(value))
    if kind is bool or kind is str:
        if not isinstance(value, kind):
            raise ValueError(f"expected {kind.__name__}, found {type(value).__name__}")
        return value
    if kind is int:
        return _whole(value)
    if kind is float:
        return _number(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if kind == (int | None):
        return None if value is None else _whole(value)
    if kind == (float | None):
        return None if value is None else _number(value)
    return tuple(
        each
        if isinstance(each, Component)
        else Component(**{**each, "options": tuple(each.get("options", ()))})
        for each in value
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, found {type(value).__name__}")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a whole number, found {type(value).__name__}")
    return value
