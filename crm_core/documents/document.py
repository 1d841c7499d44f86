"""The rules of a document: its number, its currency, and amounts that are the sums of its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.documents.amounts import AMOUNTS, solved, sums
from crm_core.documents.tenant import tenant_money
from crm_core.errors import InvalidInput
from crm_core.records.entity import Rules
from crm_core.records.statements import in_tenant
from crm_core.schema import price_book
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import Table

    from crm_core.records.scope import Scope

_CURRENCY = Statement(
    select(price_book.c.currency).where(
        in_tenant(price_book.c.tenant_id),
        price_book.c.id == bindparam("book", type_=price_book.c.id.type),
        price_book.c.deleted_at.is_(None),
    )
)


class DocumentRules(Rules):
    """Rules of quotes and sales orders; ``document`` is the table, ``line`` that of its lines."""

    def __init__(self, document: Table, line: Table) -> None:
        """Prepare the statements of this kind of document."""
        self.record_type = str(document.name)
        self._numbered = Statement(
            select(document.c.id)
            .where(
                in_tenant(document.c.tenant_id),
                document.c.number == bindparam("number"),
                document.c.deleted_at.is_(None),
            )
            .limit(1)
        )
        self._first_line = Statement(
            select(line.c.id)
            .where(
                in_tenant(line.c.tenant_id),
                line.c.document_id == bindparam("document", type_=line.c.document_id.type),
                line.c.deleted_at.is_(None),
            )
            .limit(1)
        )

    def fill(self, scope: Scope, given: Sequence[dict[str, Any]], parent: Mapping[str, Any] | None) -> None:
        """Work out the amounts not given of a document without lines."""
        del scope, parent
        for values in given:
            self._no_amounts_beside_lines(values)
            if amounts := _given_amounts(values):
                values.update(solved(amounts, {}))

    def complete(self, scope: Scope, values: dict[str, Any]) -> None:
        """Give the document a number that is free, and a currency."""
        if values["number"] is None:
            number = scope.numbers.take(scope.uow, self.record_type)
            while scope.uow.fetch_one(self._numbered, {"number": number}):
                # Somebody used a number of the series by hand, an import of old documents for one.
                number = scope.numbers.take(scope.uow, self.record_type)
            values["number"] = number
        if values["currency"] is None:
            values["currency"] = self._currency(scope, values["price_book_id"])

    def before_update(self, scope: Scope, old: Mapping[str, Any], values: dict[str, Any]) -> None:
        """Work out the amounts not given of a document without lines."""
        self._no_amounts_beside_lines(values)
        if amounts := _given_amounts(values):
            if "lines" not in values and self._has_lines(scope, old["id"]):
                raise self._computed(next(iter(amounts)))
            values |= solved(amounts, old)

    def _no_amounts_beside_lines(self, values: Mapping[str, Any]) -> None:
        for name in AMOUNTS if values.get("lines") else ():
            if name in values:
                raise self._computed(name)

    def _computed(self, name: str) -> InvalidInput:
        message = f"{self.record_type}.{name} is the sum of the lines; leave net, tax and total out, or send no lines"
        return InvalidInput(message, field=name)

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Sum the lines up, and refuse amounts that somebody else set beside them."""
        start = old or dict.fromkeys(AMOUNTS, 0)
        touched = next((name for name in AMOUNTS if row[name] != start[name]), None)
        has_lines = bool(parts)
        if parts is None and touched and old is not None:
            has_lines = self._has_lines(scope, row["id"])
        if has_lines and touched:
            raise self._computed(touched)
        if parts or (parts is not None and not touched):
            row |= sums(parts)

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Hold the law of every document: the total is net and tax."""
        del scope, old
        if new["net"] + new["tax"] == new["total"]:
            return ()
        message = (
            f"{self.record_type}: total {new['total']} is not net {new['net']} + tax {new['tax']}; "
            "correct one of them, or leave one out"
        )
        return (Issue("total_mismatch", message, field="total"),)

    def _has_lines(self, scope: Scope, document_id: UUID) -> bool:
        return scope.uow.fetch_one(self._first_line, {"document": document_id}) is not None

    def _currency(self, scope: Scope, book: UUID | None) -> str:
        found = None if book is None else scope.uow.fetch_one(_CURRENCY, {"book": book})
        return str(found[0]) if found else tenant_money(scope).base_currency


def _given_amounts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the amounts among the values; one that is null counts as given and is refused like any empty field."""
    given = {name: values[name] for name in AMOUNTS if name in values}
    return {} if None in given.values() else given
