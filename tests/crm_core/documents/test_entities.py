from __future__ import annotations

import pytest

from crm_core.documents.entities import document_entities
from crm_core.schema import quote, quote_line, sales_order, sales_order_line


@pytest.mark.parametrize(
    ("tables", "paths"),
    [
        ((quote, quote_line), ("quotes", "quote-lines")),
        ((sales_order, sales_order_line), ("sales-orders", "sales-order-lines")),
    ],
)
def test_a_document_carries_its_lines(tables: tuple[object, object], paths: tuple[str, str]) -> None:
    document, line = document_entities(*tables)  # type: ignore[arg-type]

    assert (document.path, line.path) == paths
    assert (document.record_type, line.record_type) == tuple(path[:-1].replace("-", "_") for path in paths)
    assert document.parts is not None
    assert document.parts.entity is line
    assert not line.by_name["net"].writable
    assert document.by_name["net"].writable
