"""What contact points do beyond storing their fields: one form for equal ones, one primary of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import bindparam, select

from crm_core.db.statements import Statement
from crm_core.records import change
from crm_core.records.entity import Rules
from crm_core.records.read import rows_by_id
from crm_core.records.statements import in_tenant
from crm_core.schema import contact_point, record
from plugin_sdk import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crm_core.records.scope import Scope

_C = contact_point.c
# Locked, so that two new primaries of one record cannot both miss the other.
_LOCK = Statement(
    select(record.c.id)
    .where(in_tenant(record.c.tenant_id), record.c.id == bindparam("record_id", type_=record.c.id.type))
    .with_for_update(key_share=True)
)
_OTHER_PRIMARIES = Statement(
    select(_C.id).where(
        in_tenant(_C.tenant_id),
        _C.record_id == bindparam("record_id", type_=_C.record_id.type),
        _C.kind == bindparam("kind"),
        _C.id != bindparam("new_id", type_=_C.id.type),
        _C.is_primary.is_(True),
        _C.deleted_at.is_(None),
    )
)


class ContactPointRules(Rules):
    """A contact point knows the form by which equal ones are found; a record has one primary of each kind."""

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Bring the value into its one form."""
        del scope, parts
        if old is None or (old["kind"], old["value"]) != (row["kind"], row["value"]):
            row["normalized"] = normalized(row["kind"], row["value"])

    def written(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> None:
        """Take "primary" from the others once this one has it."""
        if not _is_primary(new) or (old is not None and _is_primary(old) and _place(old) == _place(new)):
            return
        entity = scope.entity("contact_point")
        key = {"record_id": new["record_id"], "kind": new["kind"], "new_id": new["id"]}
        scope.uow.fetch(_LOCK, key)
        others = [row[0] for row in scope.uow.fetch(_OTHER_PRIMARIES, key)]
        for row in rows_by_id(scope, entity, others).values() if others else ():
            change.rewrite(scope, entity, "update", Operation.UPDATE, row, {"is_primary": False}, {})


def normalized(kind: str, value: str) -> str | None:
    """Return the form in which equal contact points of a kind are equal; None where nothing is left."""
    return _FORMS.get(kind, _collapsed)(value) or None


def _collapsed(value: str) -> str:
    return " ".join(value.split()).casefold()


def _email(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    return f"{local.lower()}{at}{domain.casefold()}"


def _phone(value: str) -> str:
    digits = "".join(str(int(each)) for each in value if each.isdecimal())
    return f"+{digits}" if digits and value.strip().startswith("+") else digits


def _url(value: str) -> str:
    text = value.strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
    except ValueError:
        return _collapsed(value)
    user, at, host = parts.netloc.rpartition("@")
    form = SplitResult(parts.scheme, f"{user}{at}{host.lower()}", parts.path.rstrip("/"), parts.query, parts.fragment)
    return form.geturl().removeprefix("//")


def _is_primary(row: Mapping[str, Any]) -> bool:
    return bool(row["is_primary"]) and row["deleted_at"] is None


def _place(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row["record_id"], row["kind"]


_FORMS: Mapping[str, Callable[[str], str]] = {"email": _email, "phone": _phone, "url": _url}
