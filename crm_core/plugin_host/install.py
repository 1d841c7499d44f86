"""Take a plugin into a database, to another version, or out of it: one transaction each, all or nothing."""

from __future__ import annotations

import datetime as dt
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import plugin_sdk
from crm_core.db.migrate import in_transaction
from crm_core.db.roles import grant_core_read
from crm_core.errors import PluginError
from crm_core.plugin_host import fingerprint, namespace
from crm_core.plugin_host.core_code import code_untouched
from crm_core.plugin_host.core_read import COLUMNS, rights_of
from crm_core.plugin_host.core_watch import unchanged
from crm_core.plugin_host.fields import column_type
from crm_core.plugin_host.migrations.run import migrate
from crm_core.plugin_host.ordering import contradictions
from crm_core.plugin_host.registry import load
from crm_core.plugin_host.resolver import resolve
from crm_core.plugin_host.state import PluginState
from crm_core.schema import epoch, field_def, plugin, plugin_history, plugin_tenant
from plugin_sdk import Manifest, parse_version
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.discovery import Discovered
    from crm_core.plugin_host.registry import LoadedPlugin, Registry
    from crm_core.plugin_host.tiers import Tier
    from crm_core.settings import Settings


def install(
    url: str,
    found: Sequence[Discovered],
    name: str,
    *,
    core_version: str,
    actor: str,
    tiers: Mapping[str, Tier] | None = None,
    settings: Settings | None = None,
) -> Manifest:
    """Install a discovered plugin, or bring an installed one to the version of its package.

    Its code is loaded where ``tiers`` says and checked first; ``settings`` say what a worker may have. Migrations,
    field tables and the registry change in one transaction. Raises PluginError with the reason; the database and the
    core's files are then as they were.
    """
    each = _find(found, name)
    with code_untouched(each.label) as require_core_code:
        load_all = partial(load, core_version=core_version, database=_dialect(url), tiers=tiers, settings=settings)
        with _fitting(found, each, core_version, load_all) as loaded:

            def change(connection: Connection) -> None:
                _take_in(connection, each, loaded, actor)
                require_core_code()

            in_transaction(url, change)
    return loaded.manifest


def _take_in(connection: Connection, each: Discovered, loaded: LoadedPlugin, actor: str) -> None:
    """Migrate a plugin's namespace and register it, in the caller's transaction."""
    manifest = loaded.manifest
    before = _row(connection, manifest.id)
    _require_newer(connection, each, before)
    _require_company(connection, manifest)
    _require_same_kinds(connection, manifest)
    with unchanged(connection, manifest.id, manifest.label) as catalogs:
        namespace.admit(connection, manifest.id)
        _migrate(connection, each, loaded)
        namespace.sync_fields(connection, manifest)
        namespace.protect(connection, manifest.id)
        _let_read(connection, manifest)
    _require_tables(connection, manifest)
    _store(connection, manifest, before)
    _define_fields(connection, manifest)
    action = "upgraded" if before is not None and before.version != manifest.version_text else "installed"
    record_history(connection, manifest, action, actor, {"from": before.version if before else None})
    advance(connection)
    fingerprint.keep_step(connection, catalogs, actor, namespace.schema_of(manifest.id))


def uninstall(
    url: str, name: str, *, drop: bool, actor: str, before_drop: Callable[[Connection], None] | None = None
) -> Manifest:
    """Take a plugin out for every tenant; its data stays in its namespace, or is dropped with ``drop``.

    Works from the stored manifest: the plugin's package may be gone already. ``before_drop`` runs in the same
    transaction, so that what it exports is what is dropped.
    """

    def change(connection: Connection) -> Manifest:
        manifest = require_removable(connection, name, drop=drop)
        if before_drop is not None:
            before_drop(connection)
        connection.execute(sa.update(plugin_tenant).where(plugin_tenant.c.plugin == name).values(enabled=False))
        if drop or not namespace.tables(connection, name):
            _drop(connection, manifest, actor)
        if drop:
            connection.execute(sa.delete(field_def).where(field_def.c.plugin == name))
            connection.execute(sa.delete(plugin_tenant).where(plugin_tenant.c.plugin == name))
        else:
            connection.execute(sa.update(field_def).where(field_def.c.plugin == name).values(state="retired"))
        reason = "its data was dropped" if drop else f"its data is kept in {namespace.schema_of(name)}"
        values = {"state": PluginState.REMOVED.value, "reason": reason, "updated_at": now()}
        connection.execute(sa.update(plugin).where(plugin.c.id == name).values(values))
        record_history(connection, manifest, "uninstalled", actor, {"data": "dropped" if drop else "kept"})
        advance(connection)
        return manifest

    return in_transaction(url, change)


def _drop(connection: Connection, manifest: Manifest, actor: str) -> None:
    """Drop a plugin's namespace; what others have that depends on it is not dropped along with it."""
    with unchanged(connection, manifest.id, manifest.label, "dropping its data", "uninstalled") as catalogs:
        namespace.drop(connection, manifest.id)
    fingerprint.keep_step(connection, catalogs, actor, namespace.schema_of(manifest.id))


def renew_rights(url: str) -> None:
    """Let installed plugins read the columns that the core's tables have by now, as far as they may read any."""

    def renew(connection: Connection) -> None:
        query = sa.select(plugin.c.manifest).where(plugin.c.state != PluginState.REMOVED).order_by(plugin.c.id)
        for stored in connection.execute(query).scalars().all():
            _let_read(connection, Manifest.from_json(stored))

    in_transaction(url, renew)


def require_removable(connection: Connection, name: str, *, drop: bool) -> Manifest:
    """Return the stored manifest of a plugin that may be uninstalled, or raise with the reason against it."""
    row = _row(connection, name)
    if row is None or (row.state == PluginState.REMOVED and not (drop and namespace.tables(connection, name))):
        message = f"plugin {name} is not installed; crm plugin list shows those that are"
        raise PluginError(message, plugin=name)
    manifest = Manifest.from_json(row.manifest)
    _require_unneeded(connection, manifest)
    return manifest


def installed_manifest(connection: Connection, name: str) -> Manifest:
    """Return the manifest of a plugin as it was installed; its data may have been kept after that."""
    row = _row(connection, name)
    if row is None:
        message = f"plugin {name} is not installed; run crm plugin install {name} first"
        raise PluginError(message, plugin=name)
    return Manifest.from_json(row.manifest)


def _find(found: Sequence[Discovered], name: str) -> Discovered:
    each = next((plugin for plugin in found if plugin.id == name), None)
    if each is None:
        there = ", ".join(plugin.id for plugin in found) or "none"
        message = (
            f"no package of plugin {name!r} is installed in this environment; pip install it first (found: {there})"
        )
        raise PluginError(message, plugin=name)
    if each.manifest is None:
        raise PluginError(each.problem or f"plugin {name} has no usable manifest", plugin=name)
    return each


@contextmanager
def _fitting(
    found: Sequence[Discovered],
    each: Discovered,
    core_version: str,
    load_all: Callable[[Sequence[Discovered]], Registry],
) -> Iterator[LoadedPlugin]:
    """Resolve and load the plugin with those it needs; raise with the reason if it does not fit."""
    by_id = {plugin.id: plugin for plugin in found if plugin.manifest is not None}
    needed = _with_needed(by_id, each.id)
    manifests = [plugin.manifest for plugin in needed if plugin.manifest is not None]
    resolution = resolve(manifests, core_version=core_version, sdk_version=plugin_sdk.__version__)
    reason = resolution.refused.get(each.id)
    if reason is not None:
        raise PluginError(reason, plugin=each.label)
    with closing(load_all([by_id[name] for name in resolution.order])) as registry:
        if each.id not in registry.plugins:
            raise PluginError(registry.refused[each.id], plugin=each.label)
        yield registry.plugins[each.id]


def _with_needed(by_id: Mapping[str, Discovered], name: str) -> list[Discovered]:
    """Return a plugin and all it needs, directly or not: nobody else's code is run to install it."""
    chosen: dict[str, Discovered] = {}
    waiting = [name]
    while waiting:
        each = by_id.get(waiting.pop())
        if each is not None and each.id not in chosen and each.manifest is not None:
            chosen[each.id] = each
            waiting.extend(each.manifest.requires)
    return list(chosen.values())


def _require_newer(connection: Connection, each: Discovered, before: Any) -> None:
    gone = before is not None and before.state == PluginState.REMOVED and not namespace.tables(connection, each.id)
    if before is None or each.manifest is None or gone:
        return
    if each.manifest.version < parse_version(before.version):
        message = (
            f"{each.label} is older than the installed {before.version}; migrations go only forward. "
            f"Install the package of {before.version} or newer"
        )
        raise PluginError(message, plugin=each.label)


def _require_company(connection: Connection, manifest: Manifest) -> None:
    """Raise unless the plugins it needs are installed, and none that is would have to go because of it."""
    rows = connection.execute(sa.select(plugin.c.id, plugin.c.manifest).where(plugin.c.state != PluginState.REMOVED))
    others = {row.id: Manifest.from_json(row.manifest) for row in rows if row.id != manifest.id}
    for needed, wanted in manifest.requires.items():
        other = others.get(needed)
        if other is None or not wanted.contains(other.version):
            there = f"{other.label} is" if other else "it is not"
            message = f"{manifest.label} needs {needed} {wanted}; {there} installed in this database. Install it first"
            raise PluginError(message, plugin=manifest.label, needs=needed)
    for hook in manifest.hooks:
        circle = contradictions(hook, [*others.values(), manifest]).get(manifest.id)
        if circle:
            message = (
                f"{manifest.label}: before/after of {', '.join(circle)} contradict each other in {hook}; "
                "change one of their manifests"
            )
            raise PluginError(message, plugin=manifest.label)


def _require_same_kinds(connection: Connection, manifest: Manifest) -> None:
    """Raise if a field has values of another kind from an earlier version."""
    rows = connection.execute(sa.select(field_def).where(field_def.c.plugin == manifest.id)).all()
    stored = {(row.record_type, row.field_key): row.kind for row in rows if not row.spec.get("computed")}
    for spec in manifest.fields:
        kind = stored.get((spec.record_type, spec.key))
        same = kind is None or spec.computed or type(column_type(kind)) is type(column_type(spec.kind))
        if not same:
            message = (
                f"{manifest.label}: field {spec.record_type}.{spec.key} was of kind {kind}, now it is {spec.kind}; "
                "stored values cannot follow. Declare a new field and move them in a migration"
            )
            raise PluginError(message, plugin=manifest.label)


def _migrate(connection: Connection, each: Discovered, loaded: LoadedPlugin) -> None:
    if loaded.manifest.tables and each.package is not None:
        in_worker = loaded.remote.migrate if loaded.remote else None
        migrate(connection, loaded.manifest, str(each.package / "migrations"), in_worker)


def _let_read(connection: Connection, manifest: Manifest) -> None:
    readable = rights_of(manifest).core_tables
    grant_core_read(connection, manifest.id, {name: columns for name, columns in COLUMNS.items() if name in readable})


def _require_tables(connection: Connection, manifest: Manifest) -> None:
    there = set(namespace.tables(connection, manifest.id))
    for table in manifest.tables:
        if table not in there:
            message = f"{manifest.label} declares the table {table}, which its migrations do not create; add it there"
        elif "tenant_id" not in namespace.columns(connection, manifest.id, table):
            message = f"{manifest.label}: table {table} has no tenant_id; declare it with plugin_sdk.db.Namespace"
        else:
            continue
        raise PluginError(message, plugin=manifest.label)


def _require_unneeded(connection: Connection, manifest: Manifest) -> None:
    rows = connection.execute(sa.select(plugin.c.id, plugin.c.manifest, plugin.c.state)).all()
    needing = [
        row.id for row in rows if row.state != PluginState.REMOVED and manifest.id in row.manifest.get("requires", {})
    ]
    if needing:
        message = f"{manifest.label} is needed by {', '.join(needing)}; uninstall them first"
        raise PluginError(message, plugin=manifest.label, needed_by=needing)


def _store(connection: Connection, manifest: Manifest, before: Any) -> None:
    values = {
        "version": manifest.version_text,
        "state": PluginState.LOADED.value,
        "reason": None,
        "manifest": manifest.to_json(),
        "updated_at": now(),
    }
    if before is None:
        connection.execute(sa.insert(plugin).values(id=manifest.id, installed_at=now(), **values))
    else:
        connection.execute(sa.update(plugin).where(plugin.c.id == manifest.id).values(values))


def _define_fields(connection: Connection, manifest: Manifest) -> None:
    """Rewrite the field registry of a plugin: fields that are no longer declared are retired, never dropped."""
    connection.execute(sa.update(field_def).where(field_def.c.plugin == manifest.id).values(state="retired"))
    for spec in manifest.fields:
        key = (
            (field_def.c.plugin == manifest.id)
            & (field_def.c.record_type == spec.record_type)
            & (field_def.c.field_key == spec.key)
        )
        values: Mapping[str, Any] = {
            "kind": str(spec.kind),
            "label": dict(spec.label),
            "spec": {"choices": list(spec.choices), "computed": spec.computed, "writable": str(spec.writable)},
            "searchable": spec.searchable,
            "pii": spec.pii,
            "state": "active",
        }
        if not connection.execute(sa.update(field_def).where(key).values(values)).rowcount:
            names = {"plugin": manifest.id, "record_type": spec.record_type, "field_key": spec.key}
            connection.execute(sa.insert(field_def).values(**names, **values))


def record_history(
    connection: Connection, manifest: Manifest, action: str, actor: str, detail: Mapping[str, Any]
) -> None:
    """Add a line to the plugin's history."""
    row = {
        "id": new_id(),
        "at": now(),
        "plugin": manifest.id,
        "version": manifest.version_text,
        "tenant_id": None,
        "action": action,
        "detail": dict(detail),
        "actor": actor,
    }
    connection.execute(sa.insert(plugin_history).values(row))


def advance(connection: Connection) -> None:
    """Raise the epoch, so that running processes notice."""
    changed = connection.execute(sa.update(epoch).where(epoch.c.scope == "state").values(value=epoch.c.value + 1))
    if not changed.rowcount:
        connection.execute(sa.insert(epoch).values(scope="state", value=1))


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(sa.select(plugin).where(plugin.c.id == name)).one_or_none()


def _dialect(url: str) -> str:
    return "sqlite" if url.startswith("sqlite") else "postgresql"


def now() -> dt.datetime:
    """Return the present moment (aware, UTC)."""
    return dt.datetime.now(dt.UTC)
