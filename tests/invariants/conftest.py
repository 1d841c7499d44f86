"""A PostgreSQL database with another locale: whatever a database was made with, answers are the same."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.support.databases import prepare_template
from tests.support.postgres import APP_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import PostgresServer

_ICU = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8' ENCODING 'UTF8'"


@pytest.fixture(scope="module")
def american_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give a PostgreSQL database that sorts text as a dictionary does, unlike SQLite."""
    name = f"crm_test_{secrets.token_hex(6)}"
    postgres_server.execute(f"CREATE DATABASE {name} OWNER {APP_ROLE} TEMPLATE template0 {_ICU}")
    try:
        url = postgres_server.url(name)
        prepare_template(url)
        yield url
    finally:
        postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
