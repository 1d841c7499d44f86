from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.actors import Actor, Grant, system_actor
from crm_core.errors import PermissionDenied

TENANT = UUID(int=1)
owners = st.one_of(st.none(), st.frozensets(st.integers(1, 5).map(lambda number: UUID(int=number))))
grants = st.builds(Grant, owners)


def actor(given: dict[tuple[str, str], Grant]) -> Actor:
    return Actor(TENANT, UUID(int=2), "Ann", given)


@given(grants, grants, grants)
def test_joining_grants_is_order_independent_and_never_narrows(one: Grant, two: Grant, three: Grant) -> None:
    assert (one | two) | three == one | (two | three) == (three | one) | two
    assert one | one == one
    joined = one | two
    assert joined.owners is None or (one.owners is not None and one.owners <= joined.owners)


def test_nothing_is_allowed_that_is_not_granted() -> None:
    ann = actor({("account", "read"): Grant()})

    assert ann.grant("account", "read") == Grant()
    for resource, action in (("account", "update"), ("contact", "read"), ("*", "*")):
        assert ann.grant(resource, action) is None
    with pytest.raises(PermissionDenied, match="Ann may not update account: ask an administrator for the permission"):
        ann.require("account", "update")


def test_wildcards_widen_but_do_not_hide_what_is_granted_besides() -> None:
    mine = Grant(frozenset({UUID(int=2)}))
    team = Grant(frozenset({UUID(int=3)}))
    ann = actor({("account", "read"): mine, ("*", "read"): team, ("account", "*"): Grant(frozenset())})

    assert ann.grant("account", "read") == mine | team
    assert ann.grant("contact", "read") == team
    assert system_actor(TENANT).grant("anything", "delete") == Grant()
