"""What may be read from OKKI, as data; a new resource is a row here and a path on the list (step 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKEN_PATH: Final = "/v1/oauth2/access_token"

ALLOWED: Final = frozenset(
    {
        ("POST", TOKEN_PATH),
        ("GET", "/v1/product/list"),
        ("GET", "/v1/product/info"),
        ("GET", "/v1/product/groups"),
    }
)
"""Every request that may leave for OKKI. It is spelt out, not derived from the resources below:
``GET /v1/product/remove`` deletes a product, and a slip in a row must not reach it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of thing that OKKI lists (vendor doc; not verified on a tenant)."""

    name: str
    path: str
    """Lists pages of items."""
    detail_path: str
    """Shows one item, asked for by ``id_field`` or by ``number_field``."""
    groups_path: str
    """Shows the whole group tree."""
    id_field: str
    number_field: str
    """What people call an item by; may be empty, repeated or edited."""
    updated_field: str


PRODUCT: Final = Resource(
    name="product",
    path="/v1/product/list",
    detail_path="/v1/product/info",
    groups_path="/v1/product/groups",
    id_field="product_id",
    number_field="product_no",
    updated_field="update_time",
)

RESOURCES: Final = {PRODUCT.name: PRODUCT}


class PathNotAllowedError(ValueError):
    """A request that this reader must never send; a fault in the program, so nothing catches it."""


def check_allowed(method: str, path: str) -> None:
    """Raise :class:`PathNotAllowedError` unless the request is on the list."""
    if (method, path) not in ALLOWED:
        raise PathNotAllowedError(f"{method} {path} is not one of the requests that may be sent to OKKI")
