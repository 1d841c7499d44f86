"""What hooks receive and return: frozen values, never database rows or sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

_EMPTY: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return _EMPTY


class Operation(StrEnum):
    """The write a hook is called for."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"
    MERGE = "merge"


class Level(StrEnum):
    """How much an issue weighs: an error refuses the operation, a warning is reported with it."""

    ERROR = "error"
    WARNING = "warning"


class UninstallMode(StrEnum):
    """What happens to a plugin's data when it is uninstalled."""

    KEEP = "keep"
    EXPORT = "export"
    PURGE = "purge"


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands, or as it would be stored; read its fields like a mapping.

    Values have their Python types: ``Decimal`` for money, aware UTC ``datetime``, ``date``, ``UUID``.
    ``plugins`` holds plugin fields by plugin id, where the core has loaded them.
    """

    record_type: str
    id: UUID
    version: int
    values: Mapping[str, Any]
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=_nothing)

    def __getitem__(self, name: str) -> Any:
        """Return the field ``name``; a KeyError names the record type."""
        try:
            return self.values[name]
        except KeyError:
            message = f"{self.record_type} has no field {name!r}; it has {', '.join(sorted(self.values))}"
            raise KeyError(message) from None

    def __contains__(self, name: object) -> bool:
        """Tell whether the record has the field ``name``."""
        return name in self.values

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the fields."""
        return iter(self.values)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field ``name``, or ``default`` where the record has no such field."""
        return self.values.get(name, default)

    def fields(self, plugin: str) -> Mapping[str, Any]:
        """Return the loaded fields of one plugin, empty where it has none."""
        return self.plugins.get(plugin, _EMPTY)


@dataclass(frozen=True, slots=True)
class Patch:
    """Changes a fold hook asks for: core fields in ``values``, the plugin's own fields in ``fields``."""

    values: Mapping[str, Any] = field(default_factory=_nothing)
    fields: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding of a hook: a stable ``code``, a sentence for people, and the field it is about."""

    code: str
    message: str
    field: str | None = None
    level: Level = Level.ERROR


@dataclass(frozen=True, slots=True)
class Match:
    """A record that the draft may duplicate; ``score`` runs from 0 to 1, ``blocks`` refuses the draft."""

    record_id: UUID
    score: float
    reason: str
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """A score of a record from 0 to 100 with the reasons that a salesperson can read."""

    name: str
    value: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline; ``category`` is open, won, lost or cancelled."""

    id: UUID
    key: str
    name: str
    category: str
    pipeline_id: UUID
    pipeline_key: str


@dataclass(frozen=True, slots=True)
class ConvertPlan:
    """What converting a lead will create; ``opportunity`` is None where none is wanted."""

    account: Mapping[str, Any]
    contact: Mapping[str, Any]
    opportunity: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class ConvertPatch:
    """Changes to a convert plan, field by field; the core merges those of all plugins."""

    account: Mapping[str, Any] = field(default_factory=_nothing)
    contact: Mapping[str, Any] = field(default_factory=_nothing)
    opportunity: Mapping[str, Any] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the plugin is about to run: what ``plugin_check`` may look at."""

    core_version: str
    sdk_version: str
    database: str
    python_version: str
    plugins: Mapping[str, str]
