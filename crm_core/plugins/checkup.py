"""What is to be said of the plugins of an installation without running any of their code."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from crm_core import __version__ as core_version
from crm_core.plugin_host import tiers, trust
from crm_core.plugin_host.resolver import resolve
from crm_core.plugin_host.state import PluginState
from crm_core.schema import plugin, plugin_health
from plugin_sdk import __version__ as sdk_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.settings import Settings

    Check = tuple[str, str, str]

_SCHEMAS = r"SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'plg\_%' ORDER BY nspname"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'plg\\_%' ESCAPE '\\' ORDER BY name"
# A key's columns must lead an index, in any order, or each deletion reads the whole table.
_UNINDEXED = sa.text(r"""
SELECT n.nspname || '.' || c.relname || ' ' || k.conname
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND n.nspname LIKE 'plg\_%' AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indisvalid
    AND (i.indkey::smallint[])[0:cardinality(k.conkey) - 1] @> k.conkey)
ORDER BY 1
""")


def plugin_findings(connection: Connection, settings: Settings, found: Sequence[Discovered]) -> list[Check]:
    """Return name, status and sentence of each check of plugins in a migrated database."""
    rows = {row.id: row for row in connection.execute(sa.select(plugin)).all()}
    here = {each.id: each for each in found}
    installed = [each for each in found if each.id in rows and rows[each.id].state != PluginState.REMOVED]
    manifests = [each.manifest for each in installed if each.manifest]
    misfits = resolve(manifests, core_version=core_version, sdk_version=sdk_version).refused
    checks = [_state(name, rows.get(name), here.get(name), misfits) for name in sorted({*rows, *here})]
    checks += _tiers(connection, settings, installed)
    checks += _health(connection)
    checks += _orphans(connection, rows)
    checks += _unindexed(connection)
    return checks


def _state(name: str, row: Any, found: Discovered | None, misfits: Mapping[str, str]) -> Check:
    if row is not None and row.state == PluginState.REMOVED:
        return f"{name} state", "ok", f"uninstalled: {row.reason}"
    reason = _reason_against(name, row, found) or misfits.get(name)
    if reason:
        return f"{name} state", "broken", reason
    if row is None:
        return f"{name} state", "ok", f"its package is here; crm plugin install {name} takes it into this database"
    return f"{name} state", "ok", f"{row.version} is installed"


def _reason_against(name: str, row: Any, found: Discovered | None) -> str | None:
    """Return why a plugin of the environment or the database cannot be used."""
    if row is not None and row.state == PluginState.QUARANTINED:
        return f"quarantined: {row.reason}"
    if found is None:
        return f"its package is gone; install the package of version {row.version} or uninstall {name}"
    if found.manifest is None:
        return found.problem or "its manifest cannot be used; install its package again"
    if row is not None and found.manifest.version_text != row.version:
        there = f"the database has version {row.version}, the package is {found.manifest.version_text}"
        return f"{there}; run crm plugin upgrade {name} or bring back the package of {row.version}"
    return None


def _tiers(connection: Connection, settings: Settings, found: Sequence[Discovered]) -> Iterator[Check]:
    known = trust.stored_in(connection)
    verdicts = trust.verdicts(found, known)
    for name, choice in sorted(tiers.choices(found, settings, verdicts).items()):
        void = name in known.pins and not verdicts[name].trusted
        if choice.tier is None:
            yield f"{name} tier", "broken", choice.why
        elif void:
            sentence = f"{choice.sentence}; look at what changed, then run crm plugin trust {name} or bring it back"
            yield f"{name} tier", "broken", sentence
        else:
            yield f"{name} tier", "ok", choice.sentence


def _health(connection: Connection) -> Iterator[Check]:
    now = dt.datetime.now(dt.UTC)
    if connection.dialect.name == "postgresql":
        # Row security shows the plugins' health of all tenants only to who says that it works for all.
        connection.exec_driver_sql("SET LOCAL crm.maintenance = 'on'")
    rows = connection.execute(sa.select(plugin_health).where(plugin_health.c.state != "closed")).all()
    by_plugin: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_plugin[row.plugin].append(row)
    for name, ill in sorted(by_plugin.items()):
        stopped = [row for row in ill if row.state == "quarantined"]
        first = (stopped or ill)[0]
        last = f"last in {first.hook} (request {first.request_id}): {first.reason}"
        if stopped:
            sentence = (
                f"quarantined for {len(stopped)} tenants, {last}; run crm plugin resume {name} when it is in order"
            )
            yield f"{name} health", "broken", sentence
        elif any(row.until is None or row.until > now for row in ill):
            yield f"{name} health", "missing", f"rests for {len(ill)} tenants, {last}; it is tried again by itself"


def _orphans(connection: Connection, rows: Mapping[str, Any]) -> Iterator[Check]:
    if connection.dialect.name == "postgresql":
        schemas = list(connection.exec_driver_sql(_SCHEMAS).scalars())
    else:
        names = connection.exec_driver_sql(_TABLES).scalars()
        schemas = sorted({name.partition("__")[0] for name in names})
    unknown = [schema for schema in schemas if schema.removeprefix("plg_") not in rows]
    if unknown:
        sentence = f"{', '.join(unknown)} belong to no plugin this database knows of; find out who made them"
        yield "namespaces", "broken", sentence
    else:
        yield "namespaces", "ok", "each belongs to a plugin of this database"


def _unindexed(connection: Connection) -> Iterator[Check]:
    if connection.dialect.name == "postgresql":
        found = list(connection.execute(_UNINDEXED).scalars())
    else:
        found = list(_unindexed_in_sqlite(connection))
    if found:
        sentence = f"without an index: {', '.join(found)}; deleting records is slow until the plugin's author adds one"
        yield "foreign keys", "broken", sentence
    else:
        yield "foreign keys", "ok", "each has an index"


def _unindexed_in_sqlite(connection: Connection) -> Iterator[str]:
    for table in connection.exec_driver_sql(_TABLES).scalars().all():
        keys: dict[int, set[str]] = defaultdict(set)
        for row in connection.exec_driver_sql(f'PRAGMA foreign_key_list("{table}")').all():
            keys[row[0]].add(row[3])
        indexes = [_columns(connection, row[1]) for row in connection.exec_driver_sql(f'PRAGMA index_list("{table}")')]
        primary = [row for row in connection.exec_driver_sql(f'PRAGMA table_info("{table}")').all() if row[5]]
        indexes.append([row[1] for row in sorted(primary, key=lambda row: int(row[5]))])
        for columns in keys.values():
            if not any(columns <= set(index[: len(columns)]) for index in indexes):
                yield f"{table} ({', '.join(sorted(columns))})"


def _columns(connection: Connection, index: str) -> list[str]:
    return [row[2] for row in connection.exec_driver_sql(f'PRAGMA index_info("{index}")').all()]
