"""What quotes and sales orders are alike in as record types: a document and its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_core.documents.document import DocumentRules
from crm_core.documents.line import LineRules
from crm_core.records.entity import Entity, Parts

if TYPE_CHECKING:
    from sqlalchemy import Table


def document_entities(document: Table, line: Table) -> tuple[Entity, Entity]:
    """Return the record types of a document and of its lines, served at paths named like their tables."""
    lines = Entity(
        str(line.name),
        _path(line),
        line,
        title="description",
        read_only=frozenset({"net"}),
        rules=LineRules(document, line),
        filled=frozenset({"position"}),
        demanded=frozenset({"quantity"}),
    )
    whole = Entity(
        str(document.name),
        _path(document),
        document,
        title="number",
        rules=DocumentRules(document, line),
        filled=frozenset({"currency"}),
        parts=Parts("lines", lines, "document_id"),
        note="With lines, net, tax and total are their sums; without, they are as given.",
    )
    return whole, lines


def _path(table: Table) -> str:
    return f"{table.name.replace('_', '-')}s"
