"""The least a record of each type needs, and one valid value for each kind of plugin field."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from plugin_sdk.manifest import FieldKind, FieldSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin_sdk.testing.client import Client

__all__ = ["PATHS", "create_minimal", "sample_value"]

_UNIQUE: Final = "{unique}"


@dataclass(frozen=True, slots=True)
class _Minimal:
    """How to create a record: where, with what, and which other records it refers to (field -> record type)."""

    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)


_NAME: Final = {"name": f"Sample {_UNIQUE}"}
_LINE: Final = {"position": 1, "quantity": "1", "unit_price": "10"}
_MINIMAL: Final[Mapping[str, _Minimal]] = {
    "principal": _Minimal("principals", {"kind": "user", **_NAME}),
    "account": _Minimal("accounts", _NAME),
    "contact": _Minimal("contacts", _NAME),
    "contact_point": _Minimal(
        "contact-points", {"kind": "email", "value": f"sample-{_UNIQUE}@example.com"}, {"record_id": "account"}
    ),
    "lead": _Minimal("leads", _NAME),
    "pipeline": _Minimal("pipelines", {"record_type": "lead", "pipeline_key": f"sample_{_UNIQUE}", **_NAME}),
    "stage": _Minimal(
        "stages",
        {"stage_key": f"sample_{_UNIQUE}", "category": "open", "position": 1, **_NAME},
        {"pipeline_id": "pipeline"},
    ),
    "opportunity": _Minimal("opportunities", _NAME),
    "activity": _Minimal("activities", {"kind": "task", "subject": f"Sample {_UNIQUE}"}),
    "product": _Minimal("products", _NAME),
    "price_book": _Minimal("price-books", {"book_key": f"sample_{_UNIQUE}", "currency": "EUR", **_NAME}),
    "price": _Minimal("prices", {"unit_price": "10"}, {"price_book_id": "price_book", "product_id": "product"}),
    "quote": _Minimal("quotes", {"currency": "EUR"}),
    "quote_line": _Minimal("quote-lines", _LINE, {"document_id": "quote"}),
    "sales_order": _Minimal("sales-orders", {"currency": "EUR"}),
    "sales_order_line": _Minimal("sales-order-lines", _LINE, {"document_id": "sales_order"}),
    "ticket": _Minimal("tickets", {"subject": f"Sample {_UNIQUE}"}),
    "campaign": _Minimal("campaigns", _NAME),
    "attachment": _Minimal(
        "attachments",
        {"name": "sample.txt", "size": 0, "sha256": "0" * 64, "storage_key": f"sample/{_UNIQUE}"},
        {"record_id": "account"},
    ),
    "tag": _Minimal("tags", {"record_type": "account", **_NAME}),
}
PATHS: Final[Mapping[str, str]] = {record_type: minimal.path for record_type, minimal in _MINIMAL.items()}

_SAMPLES: Final[Mapping[FieldKind, Any]] = {
    FieldKind.INTEGER: 7,
    FieldKind.DECIMAL: "1.5",
    FieldKind.MONEY: "12.5",
    FieldKind.BOOLEAN: True,
    FieldKind.DATE: "2026-01-31",
    FieldKind.DATETIME: "2026-01-31T12:00:00Z",
    FieldKind.JSON: {"sample": [1, None, "text"]},
}


def create_minimal(client: Client, record_type: str, **values: Any) -> dict[str, Any]:
    """Create a record with no more than it needs, and the given values; return it.

    Records that it must refer to are created first, where the values do not name them.
    """
    minimal = _MINIMAL.get(record_type)
    if minimal is None:
        raise LookupError(f"no path of the REST API is known for {record_type}; known: {', '.join(sorted(_MINIMAL))}")
    unique = uuid.uuid4().hex[:12]
    body = {key: _filled(value, unique) for key, value in minimal.body.items()}
    for key, parent in minimal.parents.items():
        if key not in values:
            body[key] = create_minimal(client, parent)["id"]
    return client.create(minimal.path, **body | values)


def sample_value(spec: FieldSpec) -> Any:
    """Return one JSON value that the field accepts."""
    if spec.kind is FieldKind.TEXT:
        return "Sample"[: spec.max_length]
    if spec.kind is FieldKind.CHOICE:
        return spec.choices[0]
    return _SAMPLES[spec.kind]


def _filled(value: Any, unique: str) -> Any:
    return value.replace(_UNIQUE, unique) if isinstance(value, str) else value
