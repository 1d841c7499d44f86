"""One record of every type, one row of everything else that has an id, for tests that try every route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

_PLAIN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("accounts", {"name": "A"}),
    ("contacts", {"name": "C"}),
    ("leads", {"name": "L"}),
    ("opportunities", {"name": "O"}),
    ("activities", {"kind": "call", "subject": "A"}),
    ("products", {"name": "P"}),
    ("price-books", {"book_key": "b", "name": "B", "currency": "EUR"}),
    ("quotes", {"lines": [{"quantity": "1"}]}),
    ("sales-orders", {"lines": [{"quantity": "1"}]}),
    ("tickets", {"subject": "T"}),
    ("campaigns", {"name": "C"}),
    ("tags", {"record_type": "account", "name": "T"}),
    ("pipelines", {"record_type": "lead", "pipeline_key": "p", "name": "P"}),
    ("principals", {"kind": "user", "name": "U"}),
)


async def make_samples(client: httpx.AsyncClient) -> dict[str, str]:
    """Create the samples and return their ids by the first part of their path."""
    ids: dict[str, str] = {}

    async def make(path: str, body: dict[str, Any]) -> None:
        answer = await client.post(f"/{path}", json=body)
        assert answer.is_success, answer.text
        ids[path] = answer.json().get("id", "")

    for path, body in _PLAIN:
        await make(path, body)
    await make("contact-points", {"record_id": ids["accounts"], "kind": "email", "value": "a@example.com"})
    await make("stages", {"pipeline_id": ids["pipelines"], "stage_key": "s", "name": "S", "category": "open"})
    await make("prices", {"price_book_id": ids["price-books"], "product_id": ids["products"], "unit_price": "1"})
    await make("quote-lines", {"document_id": ids["quotes"], "quantity": "1"})
    await make("sales-order-lines", {"document_id": ids["sales-orders"], "quantity": "1"})
    facts = {"name": "f", "size": 1, "sha256": "0" * 64, "storage_key": "k"}
    await make("attachments", {"record_id": ids["accounts"], **facts})
    await make("links", {"src_id": ids["accounts"], "rel": "r", "dst_id": ids["contacts"]})
    await make("api-keys", {"principal_id": ids["principals"], "name": "k"})
    grant = {"resource": "account", "action": "read", "scope": "all"}
    await make("permissions", {"principal_id": ids["principals"], **grant})
    await make(f"campaigns/{ids['campaigns']}/members", {"record_id": ids["leads"]})
    return ids
