"""The SDK's protocols over the core's services: contexts as plugins see them."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crm_core import errors
from crm_core.actors import Actor, Grant
from crm_core.db.unit import RecordWrite, Write
from crm_core.plugin_api.errors import as_sdk_error
from crm_core.plugin_api.sql import PluginSql
from crm_core.records import change, create, listing, read
from crm_core.records.hookable import frozen
from crm_core.records.scope import Scope
from crm_core.records.traces import audit
from plugin_sdk import NotAllowed, Page, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from crm_core.plugin_host.dispatch import ClosableContext, Hooks
    from crm_core.plugin_host.registry import LoadedPlugin
    from crm_core.records.entity import Entity
    from crm_core.records.numbers import Numbers
    from plugin_sdk import Context

logger = logging.getLogger("crm_core.plugins")


class ContextMaker:
    """Makes a context per hook call; see ``plugin_host.dispatch.ContextFactory``."""

    def __init__(self, catalog: Mapping[str, Entity], numbers: Numbers) -> None:
        """Keep what contexts need besides the operation itself."""
        self._catalog = catalog
        self._numbers = numbers

    def __call__(self, hooks: Hooks, plugin: LoadedPlugin) -> tuple[Context, ClosableContext]:
        """Return the context of one call of one plugin."""
        context = PluginContext(hooks, plugin, self._catalog, self._numbers)
        return context, context


class PluginContext:
    """See ``plugin_sdk.Context``; every use after ``close`` raises NotAllowed."""

    __slots__ = ("_alive", "_api", "_catalog", "_hooks", "_numbers", "_plugin", "_sql")

    def __init__(self, hooks: Hooks, plugin: LoadedPlugin, catalog: Mapping[str, Entity], numbers: Numbers) -> None:
        self._hooks = hooks
        self._plugin = plugin
        self._catalog = catalog
        self._numbers = numbers
        self._alive = True
        self._api: PluginApi | None = None
        self._sql: PluginSql | None = None

    def close(self) -> None:
        """End the context with its hook call."""
        self._alive = False

    def check_alive(self) -> None:
        """Raise once the hook call is over."""
        if not self._alive:
            message = f"plugin {self._plugin.label} used a context after its hook call had ended; never keep ctx"
            raise NotAllowed(message)

    @property
    def tenant_id(self) -> UUID:
        """The tenant of the operation."""
        self.check_alive()
        return self._hooks.uow.tenant_id

    @property
    def actor_id(self) -> UUID | None:
        """The principal who asked."""
        self.check_alive()
        return self._hooks.uow.actor.principal_id

    @property
    def plugin(self) -> str:
        """The plugin's own id."""
        self.check_alive()
        return self._plugin.id

    @property
    def request_id(self) -> str:
        """The id of the request or job."""
        self.check_alive()
        return self._hooks.uow.request_id

    @property
    def now(self) -> datetime:
        """The time of the operation."""
        self.check_alive()
        return self._hooks.uow.now

    @property
    def settings(self) -> Mapping[str, Any]:
        """The tenant's settings of this plugin."""
        self.check_alive()
        enabled = self._hooks.tenant.enabled
        if self._plugin.id in enabled:
            return MappingProxyType(dict(enabled[self._plugin.id]))
        return MappingProxyType(self._plugin.manifest.validate_settings({}))

    @property
    def api(self) -> PluginApi:
        """The core's services, as this plugin."""
        self.check_alive()
        if self._api is None:
            self._api = PluginApi(self, self._scope())
        return self._api

    @property
    def sql(self) -> PluginSql:
        """Own tables."""
        self.check_alive()
        if self._sql is None:
            self._sql = PluginSql(self._hooks.uow, self._plugin, self.check_alive)
        return self._sql

    @property
    def fields(self) -> PluginFieldAccess:
        """Own fields."""
        self.check_alive()
        return PluginFieldAccess(self, self._scope(), self._plugin)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that says which plugin and request."""
        extra = {"plugin": self._plugin.label, "tenant": str(self.tenant_id), "request_id": self.request_id}
        return _PluginLog(logger, extra)

    def _scope(self) -> Scope:
        uow = self._hooks.uow
        grants = {(grant.record_type, str(grant.action)): Grant() for grant in self._plugin.manifest.capabilities.api}
        actor = Actor(uow.tenant_id, uow.actor.principal_id, f"plugin {self._plugin.label}", grants, self._plugin.label)
        return Scope(uow.acting_as(actor), self._hooks, self._catalog, self._numbers)


class _PluginLog(logging.LoggerAdapter[logging.Logger]):
    """Says in every line which plugin, tenant and request it is about."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(self.extra or {})
        kwargs["extra"] = {**extra, **(kwargs.get("extra") or {})}
        return f"{extra['plugin']}: {msg} (tenant {extra['tenant']}, request {extra['request_id']})", kwargs


class PluginApi:
    """See ``plugin_sdk.Api``."""

    __slots__ = ("_context", "_scope")

    def __init__(self, context: PluginContext, scope: Scope) -> None:
        self._context = context
        self._scope = scope

    def get(self, record_type: str, record_id: UUID) -> Record:
        """Return one record."""
        return self._record(record_type, lambda entity: read.get(self._scope, entity, record_id))

    def list(
        self,
        record_type: str,
        filters: Mapping[str, Any] | None = None,
        *,
        sort: str = "id",
        limit: int = listing.DEFAULT_LIMIT,
        cursor: str | None = None,
    ) -> Page:
        """Return one page of records."""
        special = {"sort": sort, "limit": limit, "cursor": cursor}

        def page(entity: Entity) -> Page:
            plugins = self._scope.hooks.tenant.fields.of(record_type, self._scope.hooks.tenant.enabled)
            wanted = listing.parse(entity, plugins, [*(filters or {}).items(), *special.items()])
            rows, following = listing.list_rows(self._scope, entity, wanted)
            return Page(tuple(_as_record(entity, row) for row in rows), following)

        result: Page = self._call(record_type, page)
        return result

    def create(self, record_type: str, values: Mapping[str, Any]) -> Record:
        """Create a record."""
        return self._record(record_type, lambda entity: self._write(create.create, entity, _typed(entity, values)))

    def update(
        self, record_type: str, record_id: UUID, values: Mapping[str, Any], *, version: int | None = None
    ) -> Record:
        """Change some fields of a record."""
        return self._record(
            record_type,
            lambda entity: self._write(change.update, entity, record_id, _typed(entity, values), version=version),
        )

    def delete(self, record_type: str, record_id: UUID) -> None:
        """Delete a record softly."""
        self._call(record_type, lambda entity: self._write(change.delete, entity, record_id))

    def _write(self, service: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Run a write in a savepoint, so that a plugin that catches its failure leaves the rest intact."""
        return self._scope.uow.attempt(lambda: service(self._scope, *arguments, **named))

    def _record(self, record_type: str, function: Callable[[Entity], dict[str, Any]]) -> Record:
        record: Record = self._call(record_type, lambda entity: _as_record(entity, function(entity)))
        return record

    def _call(self, record_type: str, function: Callable[[Entity], Any]) -> Any:
        self._context.check_alive()
        try:
            return function(self._scope.entity(record_type))
        except errors.CrmError as error:
            raise as_sdk_error(error) from error


class PluginFieldAccess:
    """See ``plugin_sdk.Fields``."""

    __slots__ = ("_context", "_plugin", "_scope")

    def __init__(self, context: PluginContext, scope: Scope, plugin: LoadedPlugin) -> None:
        self._context = context
        self._scope = scope
        self._plugin = plugin

    def get(self, record_type: str, record_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]]:
        """Return stored values by record id."""
        values: Mapping[UUID, Mapping[str, Any]] = self._own(record_type).read(self._scope.uow, list(record_ids))
        return values

    def set(self, record_type: str, record_id: UUID, values: Mapping[str, Any]) -> None:
        """Store some values of one record, with an audit event."""
        own = self._own(record_type)
        uow = self._scope.uow
        try:
            checked = own.checked(values, by_api=False)
            if not checked:
                return
            bound = {"tenant_id": uow.tenant_id, "record_id": record_id, **checked}
            diff = {"plugins": [None, {self._plugin.id: checked}]}
            writes = [Write(own.store(checked), bound), *audit(uow, "set_fields", record_type, record_id, diff)]
            uow.attempt(lambda: uow.stage(RecordWrite(writes)))
        except errors.CrmError as error:
            raise as_sdk_error(error) from error

    def _own(self, record_type: str) -> Any:
        self._context.check_alive()
        own = self._scope.hooks.tenant.fields.of(record_type, {self._plugin.id: {}}).get(self._plugin.id)
        if own is None:
            message = f"plugin {self._plugin.label} declares no fields on {record_type}; add [[fields]] to its manifest"
            raise NotAllowed(message)
        return own


def _as_record(entity: Entity, row: Mapping[str, Any]) -> Record:
    values = dict(row)
    return frozen(entity, values, values.pop("plugins", None))


def _typed(entity: Entity, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with their Python types; refuses fields that only the core sets."""
    typed: dict[str, Any] = {}
    for name, value in values.items():
        field = entity.field(name)
        if not field.writable:
            message = f"{entity.record_type}.{name} is set by the core; leave it out"
            raise errors.InvalidInput(message, field=name)
        typed[name] = field.convert(entity.record_type, value)
    return typed
