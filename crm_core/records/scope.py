"""What a service works with: the unit of work, the tenant's hooks and the catalog of record types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crm_core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from crm_core.actors import Actor
    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.dispatch import Hooks
    from crm_core.records.entity import Entity
    from crm_core.records.numbers import Numbers
    from plugin_sdk import Issue


@dataclass(frozen=True, slots=True)
class Scope:
    """One operation as the services see it."""

    uow: UnitOfWork
    hooks: Hooks
    catalog: Mapping[str, Entity]
    numbers: Numbers
    memory: dict[str, Any] = field(default_factory=dict)
    """What services of this operation have looked up and need again, such as the tenant's rounding."""
    warnings: list[tuple[str, Issue]] = field(default_factory=list)
    """What plugins had to say that refuses nothing; the answer carries it."""

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.uow.actor

    @property
    def tenant_id(self) -> UUID:
        """The tenant of the operation."""
        return self.uow.tenant_id

    def entity(self, record_type: str) -> Entity:
        """Return a record type, or raise naming those there are."""
        entity = self.catalog.get(record_type)
        if entity is None:
            message = f"there is no record type {record_type!r}; there are {', '.join(sorted(self.catalog))}"
            raise InvalidInput(message, record_type=record_type)
        return entity
