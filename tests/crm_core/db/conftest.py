"""Databases of both versions of PostgreSQL that behave differently towards plugins, logins and a plugin in them."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest

from crm_core import __version__
from crm_core.db.migrate import migrate
from crm_core.plugin_host.install import install
from tests.support.books import books

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.plugins import MakePlugin
    from tests.support.postgres import PostgresServer


_DROP = """
DO $$ DECLARE role text; BEGIN
    FOR role IN SELECT rolname FROM pg_roles WHERE starts_with(rolname, '{}_') LOOP
        BEGIN EXECUTE format('DROP ROLE %I', role); EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END;
    END LOOP;
END $$
"""


class Place(NamedTuple):
    """A database of a test's own on one of the servers."""

    server: PostgresServer
    url: str

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.url.partition("?")[0].rpartition("/")[2]

    @property
    def superuser_url(self) -> str:
        """The database as its administrator reaches it."""
        return self.server.superuser_url(self.database)

    @property
    def login(self) -> str:
        """The login of the URL."""
        return self.url.removeprefix("postgresql://").partition(":")[0]

    def url_of(self, login: str, password: str) -> str:
        """Return the database as another login reaches it."""
        return f"postgresql://{login}:{password}@{self.url.partition('@')[2]}"

    @contextmanager
    def elsewhere(self, prefix: str, options: str = "") -> Iterator[Place]:
        """Give an empty database of a login of its own on the same server; roles with the prefix go with it."""
        name = f"crm_elsewhere_{secrets.token_hex(6)}"
        self.server.execute(
            f"CREATE ROLE {name} LOGIN {options} PASSWORD 'elsewhere'", f"CREATE DATABASE {name} OWNER {name}"
        )
        try:
            yield Place(self.server, f"postgresql://{name}:elsewhere@/{name}?{self.url.partition('?')[2]}")
        finally:
            self.server.execute(f"DROP DATABASE {name} WITH (FORCE)", f"DROP OWNED BY {name}", f"DROP ROLE {name}")
            self.server.execute(_DROP.format(prefix))


@pytest.fixture(params=["postgres", "postgres18"])
def place(request: pytest.FixtureRequest) -> Place:
    """Run the test once on the run's server and once on that of the wheel."""
    server = cast("PostgresServer", request.getfixturevalue(f"{request.param}_server"))
    url = cast("str", request.getfixturevalue(f"{request.param}_url"))
    migrate(url)  # a copy of a database lacks the rights on the database itself
    return Place(server, url)


@pytest.fixture
def library(place: Place, make_plugin: MakePlugin) -> Place:
    """Give a database with the plugin ``books`` installed, and another one without tables."""
    for plugin in (books(make_plugin), make_plugin("other", "")):
        install(place.url, [plugin], plugin.id, core_version=__version__, actor="tester")
    return place
