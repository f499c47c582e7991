"""The lists that OKKI serves, one row each: paths, names, habits (vendor doc, not verified on a tenant)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xmsyncd.simulator import products, records
from xmsyncd.simulator.group_tree import GroupTree
from xmsyncd.simulator.options import ListName

_PAGING: Final = frozenset({"start_time", "end_time", "start_index", "count"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKind:
    """One list."""

    name: ListName
    path: str
    detail_path: str
    remove_path: str
    id_field: str
    number_field: str
    name_field: str = ""
    """Empty: its entries have no name."""
    text_field: str
    """What random edits change, beside the name."""
    scope: str
    total_keys: tuple[str, ...] = ("count",)
    time_types: tuple[int, ...] = ()
    """Accepted values of `time_type`; empty: the list does not know it."""
    further: frozenset[str] = frozenset()
    """More parameters that it knows."""
    needed: frozenset[str] = frozenset()
    """Parameters without which it refuses, beside the common ones."""
    deleted_parameter: str = ""
    """With the value 1 the list shows what is deleted, and only that."""
    has_flag: bool = False
    """A deleted entry shows `enable_flag` 0; without a flag it leaves the list."""
    detail_by_number: bool = True
    base: Callable[[int, int, GroupTree], dict[str, Any]]
    detail_only: frozenset[str] = frozenset()
    list_only: frozenset[str] = frozenset()

    @property
    def fields_path(self) -> str:
        """The dictionary of its fields."""
        return self.path.removesuffix("list") + "fields"

    @property
    def parameters(self) -> frozenset[str]:
        """All that it knows."""
        typed = frozenset({"time_type"}) if self.time_types else frozenset()
        deleted = frozenset({self.deleted_parameter} if self.deleted_parameter else ())
        return _PAGING | typed | deleted | self.further | self.needed

    @property
    def editable(self) -> frozenset[str]:
        """The names that an edit may change: all but the id and the times."""
        return frozenset(self.base(1, 0, GroupTree()))

    def listed(
        self, fields: Mapping[str, Any], *, ids_as_text: bool, hidden: frozenset[str] | None = None
    ) -> dict[str, Any]:
        """One entry of the list, without the `hidden` fields (those that only the detail has)."""
        hidden = self.detail_only if hidden is None else hidden
        item = {name: value for name, value in fields.items() if name not in hidden}
        return self._with_ids(item, ids_as_text)

    def detailed(self, fields: Mapping[str, Any], *, ids_as_text: bool) -> dict[str, Any]:
        """`data` of the detail call."""
        item = {name: value for name, value in fields.items() if name not in self.list_only}
        if self.name is ListName.PRODUCT:
            item["source_type"] = "手动创建"  # a text here, as in the vendor's example
        return self._with_ids(item, ids_as_text)

    def _with_ids(self, item: dict[str, Any], ids_as_text: bool) -> dict[str, Any]:
        if ids_as_text:
            for name in (self.id_field, "group_id"):
                if isinstance(item.get(name), int):
                    item[name] = str(item[name])
        return item


PRODUCT: Final = ListKind(
    name=ListName.PRODUCT,
    path="/v1/product/list",
    detail_path="/v1/product/info",
    remove_path="/v1/product/remove",
    id_field="product_id",
    number_field="product_no",
    name_field="name",
    text_field="product_remark",
    scope="product",
    time_types=(1, 2),
    further=frozenset({"product_type"}),
    has_flag=True,
    base=products.base_fields,
    detail_only=products.DETAIL_ONLY,
    list_only=products.LIST_ONLY,
)

_OTHERS: Final = (
    ListKind(
        name=ListName.COMPANY,
        path="/v1/company/list",
        detail_path="/v1/company/info",
        remove_path="/v1/company/remove",
        id_field="company_id",
        number_field="serial_id",
        name_field="name",
        text_field="short_name",
        scope="company",
        total_keys=("totalItem", "count"),
        time_types=(1, 2, 3),
        further=frozenset({"all", "group_id"}),
        deleted_parameter="removed",
        base=records.company_fields,
    ),
    ListKind(
        name=ListName.SUPPLIER,
        path="/v1/supplier/list",
        detail_path="/v1/supplier/info",
        remove_path="/v1/supplier/remove",
        id_field="supplier_id",
        number_field="supplier_no",
        name_field="name",
        text_field="remark",
        scope="supplier",
        needed=frozenset({"page_no", "page_size"}),
        deleted_parameter="is_delete",
        detail_by_number=False,
        base=records.supplier_fields,
        list_only=frozenset({"supplier_no"}),
    ),
    ListKind(
        name=ListName.ORDER,
        path="/v1/invoices/order/list",
        detail_path="/v1/invoices/order/info",
        remove_path="/v1/invoices/order/remove",
        id_field="order_id",
        number_field="order_no",
        name_field="name",
        text_field="remark",
        scope="invoices",
        time_types=(1, 2, 3, 4),
        further=frozenset({"approval", "approval_with_draft", "status"}),
        deleted_parameter="removed",
        base=records.order_fields,
    ),
    ListKind(
        name=ListName.QUOTATION,
        path="/v1/invoices/quotation/list",
        detail_path="/v1/invoices/quotation/info",
        remove_path="/v1/invoices/quotation/remove",
        id_field="quotation_id",
        number_field="quotation_no",
        name_field="name",
        text_field="insurance_remark",
        scope="invoices",
        total_keys=("totalItem",),
        further=frozenset({"approval", "status"}),
        deleted_parameter="removed",
        has_flag=True,
        base=records.quotation_fields,
    ),
    ListKind(
        name=ListName.OPPORTUNITY,
        path="/v1/opportunity/list",
        detail_path="/v1/opportunity/info",
        remove_path="/v1/opportunity/remove",
        id_field="opportunity_id",
        number_field="serial_id",
        name_field="name",
        text_field="remark",
        scope="opportunity",
        total_keys=("totalItem",),
        base=records.opportunity_fields,
    ),
    ListKind(
        name=ListName.LEAD,
        path="/v1/lead/list",
        detail_path="/v1/lead/info",
        remove_path="/v1/lead/remove",
        id_field="lead_id",
        number_field="serial_id",
        name_field="name",
        text_field="short_name",
        scope="lead",
        total_keys=("totalItem",),
        further=frozenset({"email", "origin", "sort_field", "archive"}),
        base=records.lead_fields,
    ),
    ListKind(
        name=ListName.RECEIPT,
        path="/v1/invoices/receipt/list",
        detail_path="/v1/invoices/receipt/info",
        remove_path="/v1/invoices/receipt/remove",
        id_field="cash_collection_id",
        number_field="cash_collection_no",
        text_field="comment",
        scope="invoices",
        total_keys=("totalItem",),
        deleted_parameter="removed",
        base=records.receipt_fields,
    ),
    ListKind(
        name=ListName.PURCHASE_ORDER,
        path="/v1/purchaseOrder/list",
        detail_path="/v1/purchaseOrder/info",
        remove_path="/v1/purchaseOrder/remove",
        id_field="purchase_order_id",
        number_field="purchase_order_no",
        text_field="remark",
        scope="purchaseOrder",
        time_types=(1, 2),
        further=frozenset({"status", "status_name"}),
        deleted_parameter="removed",
        base=records.purchase_order_fields,
    ),
    ListKind(
        name=ListName.OUTBOUND,
        path="/v1/invoices/outbound/list",
        detail_path="/v1/invoices/outbound/info",
        remove_path="/v1/invoices/outbound/remove",
        id_field="outbound_invoice_id",
        number_field="serial_id",
        text_field="remark",
        scope="invoices",
        time_types=(1, 2),
        further=frozenset({"status"}),
        deleted_parameter="removed",
        base=records.outbound_fields,
    ),
)

LISTS: Final[Mapping[ListName, ListKind]] = {kind.name: kind for kind in (PRODUCT, *_OTHERS)}
