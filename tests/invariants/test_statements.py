from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import sqlalchemy as sa

from crm_core.catalog import CATALOG
from crm_core.plugin_host.discovery import discover
from crm_core.plugin_host.fields import FieldTables, _select, _upsert
from crm_core.records import listing
from crm_core.records.rows import _Filters
from crm_core.records.rows import _statement as rows_statement
from crm_core.relations.schemas import EXTERNAL_REFS, LINKS
from crm_core.schema import core, platform
from crm_core.schema.types import Json, Money, Percent, Quantity, Rate, UnitPrice
from tests.invariants.statements import named_statements, without_tenant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm_core.plugin_host.fields import PluginFields
    from crm_core.records.entity import Entity

_EVERY_TENANT = {
    "crm_core.audit.statements.TENANTS": "the sealer asks who has something to seal, then works tenant by tenant",
    "crm_core.identity.authentication._FIND": "the key is what tells which tenant a request belongs to",
    "crm_core.jobs.statements.ENABLED": "the scheduler looks at all tenants at once and runs each job as its tenant",
    "crm_core.jobs.statements.KNOWN": "as ENABLED",
    "crm_core.outbox.statements.DUE": "the relay takes what is due of all tenants and delivers it tenant by tenant",
    "crm_core.outbox.statements.DUE_AGAIN": "as DUE",
    "crm_core.outbox.statements.IN_FLIGHT": "as DUE",
    "crm_core.plugin_host.health._OF_ALL": "an operator asks at the command line for which tenants a plugin fails",
}
_DECIMALS = (Money, UnitPrice, Quantity, Rate, Percent)
_ENTITIES = pytest.mark.parametrize("entity", CATALOG.values(), ids=list(CATALOG))


def test_every_statement_is_kept_to_one_tenant() -> None:
    statements = named_statements()
    assert len(statements) > 200
    free = {name: tables for name, each in statements.items() if (tables := without_tenant(each))}
    assert set(free) == set(_EVERY_TENANT), free


@_ENTITIES
def test_every_list_is_kept_to_one_tenant_and_has_a_total_order(entity: Entity) -> None:
    plugins = _plugin_fields(entity)
    names = [field.name for field in entity.fields if not isinstance(field.column.type, Json)]
    names += [f"{id_}.{key}" for id_, own in plugins.items() for key, spec in own.specs.items() if spec.searchable]
    for name in names:
        for sort in (name, f"-{name}"):
            wanted = listing.parse(entity, plugins, [("sort", sort), (f"{name}[empty]", "false")])
            statement = listing._statement(entity, wanted, scoped=True)  # noqa: SLF001 - it has no other door
            assert without_tenant(statement) == []
            assert _last_key(statement.construct) == "id"


@pytest.mark.parametrize("rows", [LINKS, EXTERNAL_REFS], ids=["links", "external-refs"])
def test_lists_of_rows_are_ordered_by_their_whole_key(rows: Any) -> None:
    statement = rows_statement(rows, _Filters((), []), after=True, scoped=True)
    assert without_tenant(statement) == []
    key = {column.name for column in rows.table.primary_key} - {"tenant_id"}
    assert key <= {sort.target.column.name for sort in rows.sorts}


@_ENTITIES
def test_plugin_fields_are_kept_to_one_tenant(entity: Entity) -> None:
    for own in _plugin_fields(entity).values():
        if own.table is not None:
            assert without_tenant(_select(own.table, own.stored)) == []
            assert without_tenant(_upsert(own.table, own.stored)) == []


def test_no_column_holds_a_float() -> None:
    floats = [
        f"{table}.{column.name}"
        for table in (*core.sorted_tables, *platform.sorted_tables)
        for column in table.columns
        if isinstance(column.type, sa.Float | sa.Numeric)  # decimals have types of their own
    ]
    assert floats == []


@_ENTITIES
def test_decimals_are_texts_in_answers(entity: Entity) -> None:
    (schema,), components = msgspec.json.schema_components([entity.out_type])
    shown = components[schema["$ref"].rpartition("/")[2]]["properties"]
    for field in entity.fields:
        if isinstance(field.column.type, _DECIMALS):
            kinds = {each.get("type") for each in shown[field.name].get("anyOf", [shown[field.name]])}
            assert kinds <= {"string", "null"}, field.name
            assert msgspec.json.encode(field.column.type.exact(1)).startswith(b'"1.')


def _plugin_fields(entity: Entity) -> Mapping[str, PluginFields]:
    manifests = [plugin.manifest for plugin in discover() if plugin.manifest]
    return FieldTables(manifests).of(entity.record_type, {manifest.id: {} for manifest in manifests})


def _last_key(construct: Any) -> str:
    *_, last = construct._order_by_clauses  # noqa: SLF001 - no public name
    return str(last.element.name)
