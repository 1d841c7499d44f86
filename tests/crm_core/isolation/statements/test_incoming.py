"""What a worker sends is put together to an equal statement, or refused; nothing else can come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from crm_core.db.rights import PluginRights
from crm_core.db.statements import POSTGRES, SQLITE
from crm_core.isolation.statements import incoming, outgoing
from crm_core.isolation.values import decode, encode
from crm_core.plugin_api.guarded import GuardedStatement, Limits
from tests.support.generated_statements import reads, writes
from tests.support.statements import READS, TENANT, WRITES, many_rows

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from crm_core.db.statements import Prepared

_LIMITS = Limits.of(PluginRights("books", "books@1.0.0"), TENANT)
_ALL = {**READS, **WRITES, "many rows": many_rows(TENANT)}


def arrived(statement: Any) -> Any:
    return incoming.decode(decode(encode(outgoing.encode(statement))))


def told(prepared: Prepared) -> Any:
    loaders = [(place, type(loader)) for place, loader in prepared._decoders]  # noqa: SLF001 - no public name
    return prepared.text, prepared.bind({}), prepared.columns, loaders


def require_same(statement: Any, dialects: list[Dialect]) -> None:
    """Compare a statement with what arrives of it, also where an equal one has been compiled before."""
    there, again = arrived(statement), arrived(statement)
    for dialect in dialects:
        expected = told(GuardedStatement(statement, _LIMITS).on(dialect))
        assert told(GuardedStatement(there, _LIMITS).on(dialect)) == expected
        assert told(GuardedStatement(again, _LIMITS).on(dialect)) == expected


@pytest.mark.parametrize("name", _ALL)
def test_a_statement_says_the_same_when_it_has_arrived(name: str) -> None:
    # SQLAlchemy compiles ON CONFLICT of SQLite's own for SQLite only.
    require_same(_ALL[name], [SQLITE] if "of SQLite" in name else [SQLITE, POSTGRES])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(reads() | writes())
def test_any_statement_says_the_same_when_it_has_arrived(statement: Any) -> None:
    require_same(statement, [SQLITE, POSTGRES])
