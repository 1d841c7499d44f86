"""Merge two records of one type: the winner takes over everything that refers to the loser, in one transaction."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, exists, or_, select, update

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite, Write
from crm_core.errors import CrmError, InvalidInput, RecordNotFound, Refused
from crm_core.records.change import conflict, require_version
from crm_core.records.create import after, plugin_writes, validate
from crm_core.records.entity import Rules
from crm_core.records.read import load_row, rows_by_id
from crm_core.records.statements import INSERT_AUDIT, INSERT_PENDING, in_tenant, update_row
from crm_core.records.traces import audit, changes, traces
from crm_core.schema import RECORD_TABLES, campaign_member, contact_point, core, link, record, tagging
from plugin_sdk import Issue, Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy import ColumnElement, Table

    from crm_core.actors import Grant
    from crm_core.records.entity import Entity
    from crm_core.records.hookable import PluginValues
    from crm_core.records.scope import Scope

_FACTS = frozenset({"stage_event"})
_WINNER = bindparam("winner", type_=record.c.id.type)
_LOSER = bindparam("loser", type_=record.c.id.type)
_TYPE_OF = Statement(select(record.c.record_type).where(in_tenant(record.c.tenant_id), record.c.id == _LOSER))
_other_point = contact_point.alias()
_SECOND_PRIMARIES = Statement(
    select(contact_point.c.id).where(
        in_tenant(contact_point.c.tenant_id),
        contact_point.c.record_id == _LOSER,
        contact_point.c.is_primary.is_(True),
        exists().where(
            _other_point.c.tenant_id == contact_point.c.tenant_id,
            _other_point.c.record_id == _WINNER,
            _other_point.c.kind == contact_point.c.kind,
            _other_point.c.is_primary.is_(True),
            _other_point.c.deleted_at.is_(None),
        ),
    )
)


class AlreadyMerged(Refused):
    """One of the two records has been merged into another before."""

    code = "already_merged"
    status = 409


class MergeRules(Rules):
    """The rules of a record type whose records can be merged."""

    def merging(
        self, scope: Scope, winner: Mapping[str, Any], loser: Mapping[str, Any], values: dict[str, Any]
    ) -> None:
        """Change what the winner is about to be filled with, beyond empty fields."""

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Refuse to bring back a record whose belongings another one has."""
        del scope
        if old is None or old["deleted_at"] is None or new["merged_into_id"] is None:
            return ()
        message = f"it was merged into {new['merged_into_id']}, which has all that was its own; it stays in the bin"
        return (Issue("merged", message, field="merged_into_id"),)


def merge(
    scope: Scope, entity: Entity, winner_id: UUID, loser_id: UUID, *, version: int | None = None, fill: bool = True
) -> dict[str, Any]:
    """Merge the loser into the winner and return the winner's row.

    The winner keeps its values; empty ones are filled from the loser with ``fill``. Whatever refers to the loser refers
    to the winner afterwards; a tag, link or campaign both have is kept once. The loser goes to the bin for good.
    """
    grant = scope.actor.require(entity.record_type, "update")
    loser_grant = scope.actor.require(entity.record_type, "delete")
    if winner_id == loser_id:
        message = f"{entity.record_type} {winner_id} cannot be merged into itself; name another one as loser_id"
        raise InvalidInput(message, field="loser_id")
    winner = _load(scope, entity, winner_id, grant)
    loser = _load(scope, entity, loser_id, loser_grant)
    require_version(entity, winner, version)
    values = _filled(entity, winner, loser) if fill else {}
    if isinstance(entity.rules, MergeRules):
        entity.rules.merging(scope, winner, loser, values)
    own = _filled_fields(scope, entity, winner_id, loser_id) if fill else {}
    validate(scope, entity, Operation.MERGE, winner, {**winner, **values}, own)
    gone = {"merged_into_id": winner_id, "deleted_at": scope.uow.now, "deleted_by": scope.actor.principal_id}
    pairs = [(winner, _changed(scope, winner, values)), (loser, _changed(scope, loser, gone))]
    # In one order whoever wins, so that two merges of the same records wait for each other instead of blocking.
    for old, new in sorted(pairs, key=lambda pair: str(pair[0]["id"])):
        _write(scope, entity, old, new, own if old is winner else {})
    moved, dropped = _move_references(scope, entity.record_type, winner_id, loser_id)
    diff: dict[str, Any] = {"loser_id": [None, loser_id], "moved": [None, moved], "dropped": [None, dropped]}
    _follow(scope, entity, pairs, diff | ({"plugins": [None, own]} if own else {}), own)
    return pairs[0][1]


def _load(scope: Scope, entity: Entity, record_id: UUID, grant: Grant) -> dict[str, Any]:
    """Return a record to merge, or say why it cannot be one."""
    try:
        return load_row(scope, entity, record_id, grant)
    except RecordNotFound as missing:
        raise _unfit(scope, entity, record_id, grant, missing) from None


def _unfit(scope: Scope, entity: Entity, record_id: UUID, grant: Grant, missing: RecordNotFound) -> CrmError:
    found = scope.uow.fetch_one(_TYPE_OF, {"loser": record_id})
    if found is None:
        return missing
    if found[0] != entity.record_type:
        message = f"{record_id} is a {found[0]}; only two records of type {entity.record_type} can be merged here"
        return InvalidInput(message, record_type=entity.record_type, id=str(record_id))
    try:
        row = load_row(scope, entity, record_id, grant, deleted=True)
    except RecordNotFound:
        return missing
    if row["merged_into_id"] is None:
        return missing
    message = f"{entity.record_type} {record_id} was merged into {row['merged_into_id']} before; merge that one"
    return AlreadyMerged([("core", Issue("already_merged", message))])


def _filled(entity: Entity, winner: Mapping[str, Any], loser: Mapping[str, Any]) -> dict[str, Any]:
    """Return the loser's values of fields the winner has empty; never of a person whose data was erased."""
    if winner.get("erased_at") is not None:
        return {}
    return {
        field.name: loser[field.name]
        for field in entity.fields
        if field.writable and _is_empty(winner[field.name]) and not _is_empty(loser[field.name])
    }


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _filled_fields(scope: Scope, entity: Entity, winner_id: UUID, loser_id: UUID) -> PluginValues:
    """Return the loser's plugin fields the winner has empty; those only the plugin may set are left to its hook."""
    filled: PluginValues = {}
    for plugin, fields in scope.hooks.tenant.fields.of(entity.record_type, scope.hooks.tenant.enabled).items():
        stored = fields.read(scope.uow, [winner_id, loser_id])
        mine, other = stored.get(winner_id, {}), stored.get(loser_id, {})
        values = {
            key: value
            for key, value in other.items()
            if value is not None and mine.get(key) is None and fields.specs[key].writable == "api"
        }
        if values:
            filled[plugin] = values
    return filled


def _changed(scope: Scope, old: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    stamp = {"version": old["version"] + 1, "updated_at": scope.uow.now, "updated_by": scope.actor.principal_id}
    return {**old, **values, **stamp}


def _write(scope: Scope, entity: Entity, old: Mapping[str, Any], new: Mapping[str, Any], own: PluginValues) -> None:
    """Write one of the two records, unless it has changed meanwhile."""
    columns = tuple(name for name in entity.names if new[name] != old[name])
    key = {"key_tenant": scope.tenant_id, "key_id": old["id"], "key_version": old["version"]}
    if not scope.uow.execute(update_row(entity, columns), {**key, **{name: new[name] for name in columns}}):
        now = rows_by_id(scope, entity, [old["id"]]).get(old["id"])
        raise conflict(entity, old["id"], old["version"], now["version"] if now else None)
    if own:
        scope.uow.stage(RecordWrite(plugin_writes(scope, entity, old["id"], own)))


def _follow(
    scope: Scope,
    entity: Entity,
    pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    diff: Mapping[str, Any],
    own: PluginValues,
) -> None:
    """Leave the traces of a merge and call the hooks, of the winner first."""
    (winner, new_winner), (loser, new_loser) = pairs
    name, uow = entity.record_type, scope.uow
    uow.stage(RecordWrite(traces(uow, "merge", name, new_winner, {**changes(winner, new_winner), **diff})))
    uow.stage(RecordWrite(traces(uow, "delete", name, new_loser, changes(loser, new_loser))))
    for old, new in pairs:
        entity.rules.written(scope, old, new)
        after(scope, entity, Operation.MERGE, old, new, own if old is winner else {})


def _move_references(
    scope: Scope, record_type: str, winner_id: UUID, loser_id: UUID
) -> tuple[dict[str, int], dict[str, int]]:
    """Let every reference to the loser point to the winner; return how many moved and how many were there twice."""
    both = {"winner": winner_id, "loser": loser_id}
    second = {row[0] for row in scope.uow.fetch(_SECOND_PRIMARIES, both)}
    dropped = {name: scope.uow.execute(statement, both) for name, statement in _drops().items()}
    moved: dict[str, int] = {}
    for table, column in references(record_type):
        if table.name in RECORD_TABLES:
            count = _move_records(scope, table, column, both, second)
        else:
            count = scope.uow.execute(_move(table, column), both)
        moved[f"{table.name}.{column}"] = count
    return _above_zero(moved), _above_zero(dropped)


def _above_zero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _move_records(scope: Scope, table: Table, column: str, both: Mapping[str, UUID], second: Iterable[UUID]) -> int:
    """Move the references of records, each with a new version and an audit event of its own."""
    uow = scope.uow
    ids = [row[0] for row in uow.fetch(_referring(table, column), both)]
    if not ids:
        return 0
    stamp = {"ids": ids, "now": uow.now, "who": scope.actor.principal_id}
    uow.execute(_move_ids(table, column), {**both, **stamp})
    demoted = set(second) & set(ids) if table is contact_point else set()
    if demoted:
        uow.execute(_DEMOTE, {"ids": list(demoted)})
    kept: list[Write] = []
    for record_id in ids:
        diff: dict[str, Any] = {column: [both["loser"], both["winner"]]}
        if record_id in demoted:
            diff["is_primary"] = [True, False]
        kept += audit(uow, "update", str(table.name), record_id, diff)
    for statement in (INSERT_AUDIT, INSERT_PENDING):
        uow.execute_many(statement, [write.values for write in kept if write.statement is statement])
    return len(ids)


@lru_cache(maxsize=64)
def references(record_type: str) -> tuple[tuple[Table, str], ...]:
    """Return every column of a core table that may refer to a record of the type; what happened is left alone."""
    return tuple(
        (table, str(column.name))
        for table in core.tables.values()
        if table.name not in _FACTS
        for column in table.columns
        if column.info.get("references") in {record_type, "record"}
    )


@lru_cache(maxsize=128)
def _referring(table: Table, column: str) -> Statement:
    return Statement(select(table.c.id).where(in_tenant(table.c.tenant_id), table.c[column] == _LOSER))


@lru_cache(maxsize=128)
def _move(table: Table, column: str) -> Statement:
    moved = update(table).where(in_tenant(table.c.tenant_id), table.c[column] == _LOSER)
    return Statement(moved.values({column: _WINNER}))


@lru_cache(maxsize=128)
def _move_ids(table: Table, column: str) -> Statement:
    values: dict[str, Any] = {
        column: _WINNER,
        "version": table.c.version + 1,
        "updated_at": bindparam("now", type_=table.c.updated_at.type),
        "updated_by": bindparam("who", type_=table.c.updated_by.type),
    }
    return Statement(update(table).where(in_tenant(table.c.tenant_id), is_in(table.c.id, "ids")).values(values))


_DEMOTE = Statement(
    update(contact_point)
    .where(in_tenant(contact_point.c.tenant_id), is_in(contact_point.c.id, "ids"))
    .values(is_primary=False)
)


@lru_cache(maxsize=1)
def _drops() -> Mapping[str, Statement]:
    """Return what removes the loser's rows that would be the winner's own once more."""
    tags, members, links = tagging.alias(), campaign_member.alias(), link.alias()
    between = or_(
        and_(link.c.src_id == _LOSER, link.c.dst_id.in_([_WINNER, _LOSER])),
        and_(link.c.src_id == _WINNER, link.c.dst_id == _LOSER),
    )
    same = (links.c.tenant_id == link.c.tenant_id, links.c.rel == link.c.rel, links.c.valid_to.is_(None))
    outgoing = exists().where(*same, links.c.src_id == _WINNER, links.c.dst_id == link.c.dst_id)
    incoming = exists().where(*same, links.c.dst_id == _WINNER, links.c.src_id == link.c.src_id)
    twice = and_(
        link.c.valid_to.is_(None),
        or_(and_(link.c.src_id == _LOSER, outgoing), and_(link.c.dst_id == _LOSER, incoming)),
    )
    tagged = exists().where(
        tags.c.tenant_id == tagging.c.tenant_id, tags.c.record_id == _WINNER, tags.c.tag_id == tagging.c.tag_id
    )
    reached = exists().where(
        members.c.tenant_id == campaign_member.c.tenant_id,
        members.c.record_id == _WINNER,
        members.c.campaign_id == campaign_member.c.campaign_id,
    )
    return {
        "tagging": _drop(tagging, tagging.c.record_id == _LOSER, tagged),
        "campaign_member": _drop(campaign_member, campaign_member.c.record_id == _LOSER, reached),
        "link": _drop(link, or_(between, twice)),
    }


def _drop(table: Table, *conditions: ColumnElement[bool]) -> Statement:
    return Statement(delete(table).where(in_tenant(table.c.tenant_id), *conditions))
