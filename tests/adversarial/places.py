"""Where the attacks take place: both databases times both tiers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.adversarial.world import opened
from tests.support.databases import clone_sqlite
from tests.support.postgres import clone_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.adversarial.world import World
    from tests.support.postgres import PostgresServer


@dataclass(frozen=True, slots=True)
class Place:
    """One tier on one database."""

    database: str
    tier: str

    def __str__(self) -> str:
        """Return its name in tables."""
        return f"{self.tier.replace('_', ' ')}, {'SQLite' if self.database == 'sqlite' else 'PostgreSQL'}"


_DATABASES = ("sqlite", "postgresql")
IN_PROCESS = tuple(Place(database, "in_process") for database in _DATABASES)
ISOLATED = tuple(Place(database, "isolated") for database in _DATABASES)
PLACES = IN_PROCESS + ISOLATED


@dataclass(frozen=True, slots=True)
class Templates:
    """Prepared databases; each is made when it is asked for."""

    sqlite: Callable[[], Path]
    server: Callable[[], PostgresServer]
    postgres: Callable[[], str]


@contextmanager
def world_at(place: Place, folder: Path, templates: Templates) -> Iterator[World]:
    """Give a server with attacker and victim on a database of its own."""
    if place.database == "sqlite":
        url = clone_sqlite(templates.sqlite(), folder / "crm.db")
        with opened(folder, url, url, CRM_PLUGIN_TIER=place.tier) as made:
            yield made
        return
    server = templates.server()
    with clone_database(server, templates.postgres()) as url:
        look = server.superuser_url(url.partition("?")[0].rsplit("/", 1)[1])
        with opened(folder, url, look, CRM_PLUGIN_TIER=place.tier) as made:
            yield made
