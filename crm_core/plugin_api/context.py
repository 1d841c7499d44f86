"""The SDK's protocols over the core's services: contexts as plugins see them."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

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

    from crm_core.plugin_host.budgets import Meter
    from crm_core.plugin_host.dispatch import ContextFactory, Hooks
    from crm_core.plugin_host.registry import LoadedPlugin
    from crm_core.records.entity import Entity
    from crm_core.records.numbers import Numbers

logger = logging.getLogger("crm_core.plugins")


class Services(NamedTuple):
    """What contexts need besides the operation itself."""

    catalog: Mapping[str, Entity]
    numbers: Numbers


def context_factory(catalog: Mapping[str, Entity], numbers: Numbers) -> ContextFactory:
    """Return what makes a context per hook call; see ``plugin_host.dispatch.ContextFactory``."""
    services = Services(catalog, numbers)

    class ServedContext(PluginContext):
        # Of the class, because a context is made for each of many calls.
        __slots__ = ()
        _services = services

    return ServedContext


class PluginContext:
    """See ``plugin_sdk.Context``; every use after its call has ended raises NotAllowed."""

    __slots__ = ("_api", "_hooks", "_plugin", "_sql", "meter")
    _services: ClassVar[Services]

    def __init__(self, hooks: Hooks, plugin: LoadedPlugin, meter: Meter) -> None:
        self._hooks = hooks
        self._plugin = plugin
        self.meter = meter
        self._api: PluginApi | None = None
        self._sql: PluginSql | None = None

    def check_alive(self) -> None:
        """Raise once the hook call is over."""
        if not self.meter.alive:
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
    def stored_settings(self) -> Mapping[str, Any]:
        """The settings as the host keeps them, for itself: never changed, only replaced."""
        enabled = self._hooks.tenant.enabled
        if self._plugin.id in enabled:
            return enabled[self._plugin.id]
        return self.settings

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
            self._sql = PluginSql(self._hooks.uow, self._plugin, self.check_alive, self.meter)
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
        return _PluginLog(logger, extra, self.meter)

    def in_thread(self, function: Callable[[], Any]) -> Any:
        """Run what waits for a worker in a thread, while the event loop serves other requests."""
        return self._hooks.uow.connection.call_in_thread(function)

    def _scope(self) -> Scope:
        uow = self._hooks.uow
        grants = {(grant.record_type, str(grant.action)): Grant() for grant in self._plugin.manifest.capabilities.api}
        actor = Actor(uow.tenant_id, uow.actor.principal_id, f"plugin {self._plugin.label}", grants, self._plugin.label)
        hooks = self._hooks.inside(self._plugin.id)
        return Scope(uow.acting_as(actor), hooks, *self._services)


class _PluginLog(logging.LoggerAdapter[logging.Logger]):
    """Says in every line which plugin, tenant and request it is about."""

    def __init__(self, target: logging.Logger, extra: Mapping[str, object], meter: Meter) -> None:
        super().__init__(target, extra)
        self._meter = meter

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        # Handlers hold locks, in which a call must never be stopped.
        with self._meter:
            super().log(level, msg, *args, **kwargs)

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
        self._context.meter.read(1)
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
            self._context.meter.read(len(rows))
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
        self._context.meter.wrote(1)
        return self._scope.uow.attempt(lambda: service(self._scope, *arguments, **named))

    def _record(self, record_type: str, function: Callable[[Entity], dict[str, Any]]) -> Record:
        record: Record = self._call(record_type, lambda entity: _as_record(entity, function(entity)))
        return record

    def _call(self, record_type: str, function: Callable[[Entity], Any]) -> Any:
        self._context.check_alive()
        with self._context.meter:
            self._context.meter.statement()
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
        own, ids, meter = self._own(record_type), list(record_ids), self._context.meter
        with meter:
            meter.statement()
            meter.read(len(ids))
            values: Mapping[UUID, Mapping[str, Any]] = own.read(self._scope.uow, ids)
        return values

    def set(self, record_type: str, record_id: UUID, values: Mapping[str, Any]) -> None:
        """Store some values of one record, with an audit event."""
        own = self._own(record_type)
        with self._context.meter:
            self._set(own, record_type, record_id, values)

    def _set(self, own: Any, record_type: str, record_id: UUID, values: Mapping[str, Any]) -> None:
        uow = self._scope.uow
        self._context.meter.statement()
        self._context.meter.wrote(1)
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
