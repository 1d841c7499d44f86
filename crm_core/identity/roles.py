"""The roles every new tenant starts with; administrators may change them and add others."""

from __future__ import annotations

from typing import NamedTuple

ADMINISTRATOR = "administrator"

_BUSINESS = (
    "account",
    "activity",
    "attachment",
    "campaign",
    "contact",
    "contact_point",
    "external_ref",
    "lead",
    "link",
    "opportunity",
    "price",
    "price_book",
    "product",
    "quote",
    "quote_line",
    "sales_order",
    "sales_order_line",
    "tag",
    "ticket",
)
_SHARED = ("pipeline", "stage", "principal")
_SALES = (
    "account",
    "activity",
    "attachment",
    "contact",
    "contact_point",
    "lead",
    "link",
    "opportunity",
    "quote",
    "quote_line",
    "sales_order",
    "sales_order_line",
)
_SUPPORT = ("activity", "attachment", "contact", "contact_point", "link", "ticket")


class RolePermission(NamedTuple):
    """One permission of a role."""

    resource: str
    action: str
    scope: str


def _all(resources: tuple[str, ...], actions: tuple[str, ...], scope: str = "all") -> list[RolePermission]:
    return [RolePermission(resource, action, scope) for resource in resources for action in actions]


_HISTORY = [RolePermission("stage_event", "read", "all")]
_WRITE = ("create", "update", "delete")
ROLES: dict[str, list[RolePermission]] = {
    ADMINISTRATOR: [RolePermission("*", "*", "all")],
    "manager": [
        *_all(_BUSINESS, ("read", *_WRITE)),
        *_all(_SHARED, ("read",)),
        *_HISTORY,
        RolePermission("audit", "read", "all"),
    ],
    "sales": [
        *_all(tuple(name for name in _BUSINESS if name not in _SALES), ("read",)),
        *_all(_SHARED, ("read",)),
        *_all(_SALES, ("read", "update"), "team"),
        *_all(_SALES, ("create",)),
        *_all(_SALES, ("delete",), "own"),
    ],
    "support": [
        *_all(tuple(name for name in _BUSINESS if name not in _SUPPORT), ("read",)),
        *_all(_SHARED, ("read",)),
        *_all(_SUPPORT, ("read", "create", "update")),
    ],
    "read_only": [*_all(_BUSINESS, ("read",)), *_all(_SHARED, ("read",)), *_HISTORY],
    "service": [*_all(_BUSINESS, ("read", "create", "update")), *_all(_SHARED, ("read",)), *_HISTORY],
}
