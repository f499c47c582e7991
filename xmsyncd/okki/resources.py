"""What may be asked of OKKI, and the list that a pipeline reads (step 1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from xmsyncd.settings import SourceSettings
from xmsyncd.settings.resources import PRODUCT, RESOURCES, Resource

__all__ = ["ALLOWED", "PRODUCT", "RESOURCES", "TOKEN_PATH", "Resource", "check_allowed", "resource_of"]

TOKEN_PATH: Final = "/v1/oauth2/access_token"

ALLOWED: Final = frozenset(
    {
        ("POST", TOKEN_PATH),
        ("GET", "/v1/product/list"),
        ("GET", "/v1/product/info"),
        ("GET", "/v1/product/groups"),
        ("GET", "/v1/company/list"),
        ("GET", "/v1/company/info"),
        ("GET", "/v1/supplier/list"),
        ("GET", "/v1/supplier/info"),
        ("GET", "/v1/invoices/order/list"),
        ("GET", "/v1/invoices/order/info"),
        ("GET", "/v1/invoices/quotation/list"),
        ("GET", "/v1/invoices/quotation/info"),
        ("GET", "/v1/opportunity/list"),
        ("GET", "/v1/opportunity/info"),
        ("GET", "/v1/lead/list"),
        ("GET", "/v1/lead/info"),
        ("GET", "/v1/invoices/receipt/list"),
        ("GET", "/v1/invoices/receipt/info"),
        ("GET", "/v1/purchaseOrder/list"),
        ("GET", "/v1/purchaseOrder/info"),
        ("GET", "/v1/invoices/outbound/list"),
        ("GET", "/v1/invoices/outbound/info"),
        ("GET", "/v1/product/fields"),
        ("GET", "/v1/company/fields"),
        ("GET", "/v1/supplier/fields"),
        ("GET", "/v1/invoices/order/fields"),
        ("GET", "/v1/invoices/quotation/fields"),
        ("GET", "/v1/opportunity/fields"),
        ("GET", "/v1/lead/fields"),
        ("GET", "/v1/invoices/receipt/fields"),
        ("GET", "/v1/purchaseOrder/fields"),
        ("GET", "/v1/invoices/outbound/fields"),
    }
)
"""Every request that may leave for OKKI. It is spelt out, not derived from the table of resources:
``GET /v1/product/remove`` deletes a product, and a slip in a row must not reach it."""


class PathNotAllowedError(ValueError):
    """A request that this reader must never send; a fault in the program, so nothing catches it."""


def check_allowed(method: str, path: str) -> None:
    """Raise :class:`PathNotAllowedError` unless the request is on the list."""
    if (method, path) not in ALLOWED:
        raise PathNotAllowedError(f"{method} {path} is not one of the requests that may be sent to OKKI")


def resource_of(source: SourceSettings) -> Resource:
    """The row of what is read, with the names of fields that the settings give otherwise."""
    row = RESOURCES[source.resource]
    return replace(
        row,
        id_field=source.id_field or row.id_field,
        number_field=source.number_field or row.number_field,
        updated_field=source.updated_field or row.updated_field,
    )
