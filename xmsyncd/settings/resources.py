"""What may be read from OKKI, one row for each list: a new resource is a row here and its paths in ``okki``.

The lists share one paging convention (``start_index`` is the number of a page, ``count`` its size). Each row
says how sure we are of it; nothing of it was verified on a tenant. ``docs/resources.md`` is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class ResourceName(StrEnum):
    """The lists of OKKI that a pipeline may read."""

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


class Confidence(StrEnum):
    """How a row's names are known."""

    DOCUMENTED = "doc"
    """The vendor's page declares them."""
    EXAMPLE = "example"
    """The vendor's page declares part of them; the rest stands in its example only."""
    INFERRED = "inferred"
    """Part of what is asked is declared otherwise, or not at all."""


@dataclass(frozen=True, slots=True)
class Noun:
    """What people call one of them, and several."""

    one: str
    many: str
    chinese: str

    @property
    def with_article(self) -> str:
        """``a product``, ``an order``"""
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.one}"


@dataclass(frozen=True, slots=True)
class Doubt:
    """What the vendor leaves open about a list, in both languages."""

    english: str
    chinese: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of thing that OKKI lists."""

    name: str
    noun: Noun
    path: str
    """Lists pages of items."""
    id_field: str
    number_field: str
    """What people call an item by; may be empty, repeated or edited."""
    name_field: str = ""
    """Empty: it has no name beside its number."""
    updated_field: str = "update_time"
    created_field: str = "create_time"
    deleted_field: str = ""
    """Holds 0 in an item that OKKI has deleted; empty: a deleted item shows only by its absence."""
    total_keys: tuple[str, ...] = ("count", "totalItem", "total")
    """Where the total may stand, in the order of looking."""
    time_types: tuple[int, ...] = ()
    """The documented values of ``time_type`` (1 update, 2 creation); empty: the list has no such one."""
    page_number_parameters: tuple[str, ...] = ("start_index",)
    page_size_parameters: tuple[str, ...] = ("count",)
    params: Mapping[str, str] = field(default_factory=lambda: _NONE)
    """Sent with every page, unless ``source.params`` says otherwise."""
    detail_path: str = ""
    """Shows one item, asked for by ``id_field``; empty: there is none."""
    detail_by_number: bool = False
    """Whether the detail may also be asked for by ``number_field``."""
    detail_fields: tuple[str, ...] = ()
    """What the list lacks and the detail shows."""
    groups_path: str = ""
    """Shows the whole group tree; empty: there is none."""
    fields_path: str = ""
    """Shows the dictionary of all fields, the custom ones included; empty: there is none."""
    scope: str
    """The OAuth scope that the token needs."""
    confidence: Confidence
    doubts: tuple[Doubt, ...] = ()

    def page(self, number: int, size: int) -> dict[str, str]:
        """The query of one page; ``number`` is the vendor's, so the first may be 0 or 1."""
        return {
            **dict.fromkeys(self.page_number_parameters, str(number)),
            **dict.fromkeys(self.page_size_parameters, str(size)),
            **self.params,
        }

    @property
    def own_parameters(self) -> frozenset[str]:
        """What xmsyncd sets itself and ``source.params`` must not."""
        times = {"start_time", "end_time", "time_type"}
        return frozenset({*self.page_number_parameters, *self.page_size_parameters, *times})


_DELETED_APART: Final = Doubt(
    "Deleted ones stand in a list of their own, which is not read: two full reads without it tell.",
    "已删除的数据在另一个列表中，本程序不读取：两次全量读取都未出现即视为已删除。",
)
_UNSAID_TIME: Final = Doubt(
    "That the time filter means the update time is assumed.",
    "时间筛选按更新时间为推断，文档未说明。",
)
_NAMES_BY_EXAMPLE: Final = Doubt(
    "The total's name stands only in the example.",
    "总数的字段名只出现在示例中。",
)
_DELETED_UNSAID: Final = Doubt(
    "How deleted ones show is not said: two full reads without it tell.",
    "删除如何体现，文档未说明：两次全量读取都未出现即视为已删除。",
)

PRODUCT: Final = Resource(
    name=ResourceName.PRODUCT,
    noun=Noun("product", "products", "产品"),
    path="/v1/product/list",
    id_field="product_id",
    number_field="product_no",
    name_field="name",
    deleted_field="enable_flag",
    time_types=(1, 2),
    detail_path="/v1/product/info",
    detail_by_number=True,
    detail_fields=("product_type",),
    groups_path="/v1/product/groups",
    fields_path="/v1/product/fields",
    scope="product",
    confidence=Confidence.EXAMPLE,
    doubts=(
        Doubt(
            "update_time stands only in the example; whether deleted ones (enable_flag 0) are listed is "
            "unknown.",
            "update_time 只出现在示例中；列表是否包含已删除的产品（enable_flag 为 0）未知。",
        ),
    ),
)

_COMPANY: Final = Resource(
    name=ResourceName.COMPANY,
    noun=Noun("customer", "customers", "客户"),
    path="/v1/company/list",
    id_field="company_id",
    number_field="serial_id",
    name_field="name",
    total_keys=("totalItem", "count", "total"),
    time_types=(1, 2, 3),
    detail_path="/v1/company/info",
    fields_path="/v1/company/fields",
    detail_by_number=True,
    scope="company",
    confidence=Confidence.DOCUMENTED,
    doubts=(
        _DELETED_APART,
        Doubt(
            "Both totalItem and count are declared; which of them is the whole is not said.",
            "文档同时给出 totalItem 与 count，哪个是总数未说明。",
        ),
    ),
)

_SUPPLIER: Final = Resource(
    name=ResourceName.SUPPLIER,
    noun=Noun("supplier", "suppliers", "供应商"),
    path="/v1/supplier/list",
    id_field="supplier_id",
    number_field="supplier_no",
    name_field="name",
    page_number_parameters=("start_index", "page_no"),
    page_size_parameters=("count", "page_size"),
    detail_path="/v1/supplier/info",
    fields_path="/v1/supplier/fields",
    scope="supplier",
    confidence=Confidence.DOCUMENTED,
    doubts=(
        Doubt(
            "page_no and page_size are required beside start_index and count: both pairs are sent.",
            "文档要求在 start_index、count 之外再传 page_no、page_size：两组都会发送。",
        ),
        _DELETED_APART,
    ),
)

_ORDER: Final = Resource(
    name=ResourceName.ORDER,
    noun=Noun("order", "orders", "销售订单"),
    path="/v1/invoices/order/list",
    id_field="order_id",
    number_field="order_no",
    name_field="name",
    time_types=(1, 2, 3, 4),
    detail_path="/v1/invoices/order/info",
    fields_path="/v1/invoices/order/fields",
    detail_by_number=True,
    scope="invoices",
    confidence=Confidence.DOCUMENTED,
    doubts=(
        _DELETED_APART,
        Doubt(
            "OKKI's own work flows may or may not touch update_time.",
            "OKKI 内部的自动流程不一定会更新 update_time。",
        ),
    ),
)

_QUOTATION: Final = Resource(
    name=ResourceName.QUOTATION,
    noun=Noun("quotation", "quotations", "报价单"),
    path="/v1/invoices/quotation/list",
    id_field="quotation_id",
    number_field="quotation_no",
    name_field="name",
    deleted_field="enable_flag",
    total_keys=("totalItem", "count", "total"),
    detail_path="/v1/invoices/quotation/info",
    fields_path="/v1/invoices/quotation/fields",
    detail_by_number=True,
    scope="invoices",
    confidence=Confidence.INFERRED,
    doubts=(
        _UNSAID_TIME,
        _DELETED_APART,
        Doubt(
            "The page of the detail shows a GET with a body; the ids are sent in the query instead.",
            "详情接口的文档为带请求体的 GET，本程序改用查询参数。",
        ),
    ),
)

_OPPORTUNITY: Final = Resource(
    name=ResourceName.OPPORTUNITY,
    noun=Noun("opportunity", "opportunities", "商机"),
    path="/v1/opportunity/list",
    id_field="opportunity_id",
    number_field="serial_id",
    name_field="name",
    total_keys=("totalItem", "count", "total"),
    detail_path="/v1/opportunity/info",
    fields_path="/v1/opportunity/fields",
    detail_by_number=True,
    scope="opportunity",
    confidence=Confidence.EXAMPLE,
    doubts=(_NAMES_BY_EXAMPLE, _DELETED_UNSAID),
)

_LEAD: Final = Resource(
    name=ResourceName.LEAD,
    noun=Noun("lead", "leads", "线索"),
    path="/v1/lead/list",
    id_field="lead_id",
    number_field="serial_id",
    name_field="name",
    total_keys=("totalItem", "count", "total"),
    params=MappingProxyType({"sort_field": "update_time"}),
    detail_path="/v1/lead/info",
    fields_path="/v1/lead/fields",
    detail_by_number=True,
    scope="lead",
    confidence=Confidence.EXAMPLE,
    doubts=(
        Doubt(
            "update_time and the total stand only in the example; sort_field says which time is filtered by.",
            "update_time 与总数只出现在示例中；按哪个时间筛选由 sort_field 决定。",
        ),
        _DELETED_UNSAID,
    ),
)

_RECEIPT: Final = Resource(
    name=ResourceName.RECEIPT,
    noun=Noun("receipt", "receipts", "回款单"),
    path="/v1/invoices/receipt/list",
    id_field="cash_collection_id",
    number_field="cash_collection_no",
    total_keys=("totalItem", "count", "total"),
    detail_path="/v1/invoices/receipt/info",
    fields_path="/v1/invoices/receipt/fields",
    detail_by_number=True,
    scope="invoices",
    confidence=Confidence.DOCUMENTED,
    doubts=(_DELETED_APART,),
)

_PURCHASE_ORDER: Final = Resource(
    name=ResourceName.PURCHASE_ORDER,
    noun=Noun("purchase order", "purchase orders", "采购订单"),
    path="/v1/purchaseOrder/list",
    id_field="purchase_order_id",
    number_field="purchase_order_no",
    time_types=(1, 2),
    detail_path="/v1/purchaseOrder/info",
    fields_path="/v1/purchaseOrder/fields",
    detail_by_number=True,
    scope="purchaseOrder",
    confidence=Confidence.DOCUMENTED,
    doubts=(_DELETED_APART,),
)

_OUTBOUND: Final = Resource(
    name=ResourceName.OUTBOUND,
    noun=Noun("outbound order", "outbound orders", "销售出库单"),
    path="/v1/invoices/outbound/list",
    id_field="outbound_invoice_id",
    number_field="serial_id",
    time_types=(1, 2),
    detail_path="/v1/invoices/outbound/info",
    fields_path="/v1/invoices/outbound/fields",
    detail_by_number=True,
    scope="invoices",
    confidence=Confidence.DOCUMENTED,
    doubts=(_DELETED_APART,),
)

RESOURCES: Final[Mapping[str, Resource]] = MappingProxyType(
    {
        row.name: row
        for row in (
            PRODUCT,
            _COMPANY,
            _SUPPLIER,
            _ORDER,
            _QUOTATION,
            _OPPORTUNITY,
            _LEAD,
            _RECEIPT,
            _PURCHASE_ORDER,
            _OUTBOUND,
        )
    }
)
