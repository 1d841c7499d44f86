"""The two databases of the kill test: where they are, and how they die."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from crm_core.db.migrate import migrate
from tests.kills.mortal_postgres import MortalPostgres
from tests.support.databases import sqlite_database_url

if TYPE_CHECKING:
    import random
    from pathlib import Path


class Victim(StrEnum):
    """Who is killed."""

    WORKER = "worker"
    HOST = "host"
    DATABASE = "database"
    BACKEND = "backend"

    @property
    def is_database(self) -> bool:
        """Whether the database goes and the host stays."""
        return self in {Victim.DATABASE, Victim.BACKEND}


@dataclass(slots=True)
class Battlefield:
    """A migrated database; with SQLite the host is the database."""

    url: str
    all_seeing_url: str
    postgres: MortalPostgres | None = None

    @classmethod
    def open(cls, name: str, folder: Path) -> Battlefield:
        """Make an empty database of that kind."""
        if name == "sqlite":
            url = sqlite_database_url(folder / "crm.db")
            made = cls(url, url)
        else:
            postgres = MortalPostgres.start()
            made = cls(postgres.url, postgres.superuser_url, postgres)
        migrate(made.url)
        return made

    def victims(self) -> list[Victim]:
        """Return who is killed in so many rounds, in any order: half of the time a worker."""
        others = [Victim.HOST] * 2 if self.postgres is None else [Victim.HOST, Victim.DATABASE, Victim.BACKEND]
        return [Victim.WORKER] * len(others) + others

    def strike(self, victim: Victim, chance: random.Random) -> None:
        """Kill the database, or one of its processes, and have it back."""
        if self.postgres is None:
            raise ValueError(f"{victim}: SQLite has no processes of its own")
        if victim is Victim.BACKEND:
            self.postgres.kill_one(chance)
        else:
            self.postgres.kill()
            self.postgres.restart()

    def close(self) -> None:
        """End it."""
        if self.postgres is not None:
            self.postgres.close()
