"""The rules of a document's lines: prices, amounts, and the document's sums when a line is written by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from crm_core.db.statements import Statement
from crm_core.documents.amounts import line_net, sums
from crm_core.documents.prices import fill_lines
from crm_core.documents.tenant import tenant_money
from crm_core.errors import InvalidInput, RecordNotFound, ReferenceNotFound
from crm_core.records.change import rewrite
from crm_core.records.entity import Rules
from crm_core.records.read import load_row
from crm_core.records.statements import in_tenant
from plugin_sdk import Issue, Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope


class LineRules(Rules):
    """Rules of the lines of one kind of document."""

    def __init__(self, document: Table, line: Table) -> None:
        """Prepare the statements of this kind of line."""
        self.document_type = str(document.name)
        mine = (
            in_tenant(line.c.tenant_id),
            line.c.document_id == bindparam("document", type_=line.c.document_id.type),
            line.c.deleted_at.is_(None),
        )
        self._amounts = Statement(select(line.c.net, line.c.tax).where(*mine))
        self._last = Statement(select(func.max(line.c.position)).where(*mine))
        # Writers of lines of one document wait here for each other, so that each sums up what the others wrote.
        # Weaker than FOR UPDATE: the lines' foreign keys hold a share of the row already.
        self._lock = Statement(
            select(document.c.id)
            .where(in_tenant(document.c.tenant_id), document.c.id == bindparam("id", type_=document.c.id.type))
            .with_for_update(key_share=True)
        )

    def fill(self, scope: Scope, given: Sequence[dict[str, Any]], parent: Mapping[str, Any] | None) -> None:
        """Take prices and texts from products; a line written by itself also gets its place."""
        if parent is not None:
            fill_lines(scope, given, parent, nested=True)
            return
        for line in given:
            fill_lines(scope, [line], self._document_of(scope, line), nested=False)
            if line.get("position") is None:
                last = scope.uow.fetch_one(self._last, {"document": line["document_id"]})
                line["position"] = ((last[0] if last else None) or 0) + 1

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Compute what the line comes to."""
        del old, parts
        rounding = tenant_money(scope).rounding
        net = line_net(row["quantity"], row["unit_price"], row["discount_percent"], rounding)
        entity = scope.entity(f"{self.document_type}_line")
        row["net"] = entity.field("net").check(entity.record_type, net)

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Keep discounts between nothing and everything, and lines on their document."""
        del scope
        issues = []
        if not 0 <= new["discount_percent"] <= 100:  # noqa: PLR2004 - all of it
            message = f"discount_percent is {new['discount_percent']}; send 0 to 100"
            issues.append(Issue("discount_out_of_range", message, field="discount_percent"))
        if old is not None and old["document_id"] != new["document_id"]:
            message = "a line stays on its document; delete it and add one to the other document"
            issues.append(Issue("line_moved", message, field="document_id"))
        return issues

    def part_written(self, scope: Scope, new: Mapping[str, Any]) -> None:
        """Sum the document up again, as a change of the document; needs the permission to change it."""
        document = scope.entity(self.document_type)
        grant = scope.actor.require(self.document_type, "update")
        scope.uow.begin()
        scope.uow.fetch(self._lock, {"id": new["document_id"]})
        old = load_row(scope, document, new["document_id"], grant)
        rows = scope.uow.fetch(self._amounts, {"document": old["id"]})
        amounts = _checked(document, sums({"net": net, "tax": tax} for net, tax in rows))
        changed = {name: value for name, value in amounts.items() if old[name] != value}
        rewrite(scope, document, "update", Operation.UPDATE, old, changed, {})

    def _document_of(self, scope: Scope, line: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the document a new line is for; the caller must be allowed to change it."""
        if line.get("document_id") is None:
            message = f"{self.document_type}_line.document_id is missing; name the document the line belongs to"
            raise InvalidInput(message, field="document_id")
        grant = scope.actor.require(self.document_type, "update")
        try:
            return load_row(scope, scope.entity(self.document_type), line["document_id"], grant)
        except RecordNotFound as error:
            raise ReferenceNotFound(f"document_id: {error.message}", field="document_id") from error


def _checked(document: Entity, amounts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document.field(name).check(document.record_type, value) for name, value in amounts.items()}
