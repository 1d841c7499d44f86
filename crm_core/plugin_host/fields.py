"""Plugins' fields: one typed side table per plugin and record type, in the plugin's own namespace."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    bindparam,
    select,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from crm_core.db.lists import is_in
from crm_core.db.statements import Statement
from crm_core.errors import InvalidInput, UnknownField
from crm_core.schema.types import Day, Flag, Id, Json, Money, PlainText, UtcDateTime
from plugin_sdk import FieldValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.types import TypeEngine

    from crm_core.db.unit import UnitOfWork
    from plugin_sdk import Manifest
    from plugin_sdk.manifest import FieldSpec


_LONGEST_NAME = 60


def column_type(kind: str) -> TypeEngine[Any]:
    """Return the column type of a field kind."""
    from sqlalchemy import BigInteger  # noqa: PLC0415 - beside the types it belongs to

    types: dict[str, TypeEngine[Any]] = {
        "text": PlainText(),
        "choice": PlainText(),
        "integer": BigInteger(),
        "decimal": Money(),
        "money": Money(),
        "boolean": Flag(),
        "date": Day(),
        "datetime": UtcDateTime(),
        "json": Json(),
    }
    return types[kind]


def side_table(plugin: str, record_type: str, specs: Iterable[FieldSpec]) -> Table:
    """Return the side table of a plugin's stored fields on one record type."""
    name = f"{record_type}_fields"
    metadata = MetaData(schema=f"plg_{plugin}")
    Table(
        "record",
        metadata,
        Column("tenant_id", Id(), primary_key=True),
        Column("id", Id(), primary_key=True),
        schema="core",
    )
    columns = [Column(spec.key, column_type(spec.kind)) for spec in specs]
    indexes = [
        Index(_short(f"ix_{name}_{spec.key}"), "tenant_id", spec.key, "record_id") for spec in specs if spec.searchable
    ]
    return Table(
        name,
        metadata,
        Column("tenant_id", Id(), nullable=False),
        Column("record_id", Id(), nullable=False),
        *columns,
        PrimaryKeyConstraint("tenant_id", "record_id", name=f"pk_{name}"),
        ForeignKeyConstraint(
            ["tenant_id", "record_id"],
            ["core.record.tenant_id", "core.record.id"],
            ondelete="CASCADE",
            name=f"fk_{name}",
        ),
        *indexes,
    )


def _short(name: str) -> str:
    """Return a name of at most 60 letters; what is cut off still tells two of them apart."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}_{crc32(name.encode()):08x}"


class PluginFields:
    """The fields of one plugin on one record type."""

    def __init__(self, plugin: str, record_type: str, specs: Sequence[FieldSpec]) -> None:
        """Keep the declared fields; stored ones get the side table."""
        self.plugin = plugin
        self.record_type = record_type
        self.specs = {spec.key: spec for spec in specs}
        self.stored = tuple(spec.key for spec in specs if not spec.computed)
        self.table = (
            side_table(plugin, record_type, [spec for spec in specs if not spec.computed]) if self.stored else None
        )

    def checked(self, values: Mapping[str, Any], *, by_api: bool) -> dict[str, Any]:
        """Return values as they will be stored; refuses unknown, computed and, by the API, read-only fields."""
        checked: dict[str, Any] = {}
        for key, value in values.items():
            spec = self.specs.get(key)
            path = f"plugins.{self.plugin}.{key}"
            if spec is None:
                message = f"{self.record_type} has no field {path}; it has {', '.join(sorted(self.specs))}"
                raise UnknownField(message, field=path)
            if spec.computed or (by_api and spec.writable != "api"):
                message = f"{path} is set by the plugin {self.plugin} only; leave it out"
                raise InvalidInput(message, field=path)
            try:
                checked[key] = None if value is None else spec.validate(value)
            except FieldValueError as error:
                message = f"{path}: {error}"
                raise InvalidInput(message, field=path) from error
        return checked

    def read(self, uow: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        """Return the stored values of a page of records in one statement."""
        if self.table is None or not ids:
            return {}
        rows = uow.fetch(_select(self.table, self.stored), {"ids": ids})
        return {row[0]: dict(zip(self.stored, row[1:], strict=True)) for row in rows}

    def store(self, keys: Iterable[str]) -> Statement:
        """Return the statement that stores some of the fields of one record."""
        if self.table is None:
            message = f"plugin {self.plugin} stores no field on {self.record_type}"
            raise InvalidInput(message)
        return _upsert(self.table, tuple(sorted(keys)))


@lru_cache(maxsize=512)
def _select(table: Table, columns: tuple[str, ...]) -> Statement:
    return Statement(
        select(table.c.record_id, *(table.c[name] for name in columns)).where(
            table.c.tenant_id == bindparam("tenant_id", type_=table.c.tenant_id.type), is_in(table.c.record_id, "ids")
        )
    )


@lru_cache(maxsize=512)
def _upsert(table: Table, columns: tuple[str, ...]) -> Statement:
    # Both databases read the same ON CONFLICT clause, and SQLite's compiler takes PostgreSQL's construct for it.
    statement = upsert(table)
    statement = statement.on_conflict_do_update(
        index_elements=["tenant_id", "record_id"], set_={name: statement.excluded[name] for name in columns}
    )
    return Statement(statement, ["tenant_id", "record_id", *columns])


class FieldTables:
    """The fields of all loaded plugins by record type."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        """Group the declared fields."""
        self._by_type: dict[str, dict[str, PluginFields]] = {}
        for manifest in manifests:
            for record_type in sorted({spec.record_type for spec in manifest.fields}):
                specs = [spec for spec in manifest.fields if spec.record_type == record_type]
                self._by_type.setdefault(record_type, {})[manifest.id] = PluginFields(manifest.id, record_type, specs)

    def of(self, record_type: str, enabled: Mapping[str, Any]) -> dict[str, PluginFields]:
        """Return the fields on a record type by enabled plugin."""
        found = self._by_type.get(record_type)
        return {plugin: fields for plugin, fields in found.items() if plugin in enabled} if found else {}
