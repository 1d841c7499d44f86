from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.db.roles import Roles, quoted

PARTS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True), min_size=1, max_size=20)
IDS = PARTS.map(lambda parts: "_".join(parts)[:59].rstrip("_"))


def test_the_roles_of_an_installation_begin_with_its_prefix() -> None:
    roles = Roles("shop_2")
    assert (roles.owner, roles.app) == ("shop_2_owner", "shop_2_app")
    assert roles.plugin("loyalty") == "shop_2_plg_loyalty"
    assert roles.plugin_owner("loyalty") == "shop_2_plg_loyalty__owner"


@given(IDS, IDS)
def test_no_two_roles_are_the_same(one: str, other: str) -> None:
    roles = Roles("crm")
    names = [roles.owner, roles.app]
    for plugin in sorted({one, other}):
        names += [roles.plugin(plugin), roles.plugin_owner(plugin)]
    assert len(set(names)) == len(names)
    assert max(len(name.encode()) for name in names) <= 63


def test_a_plugin_cannot_be_named_after_another_s_owner() -> None:
    roles = Roles("crm")
    assert roles.plugin("x_owner") == "crm_plg_x_owner"
    assert roles.plugin_owner("x") == "crm_plg_x__owner"


def test_what_is_cut_off_still_tells_two_apart() -> None:
    roles, long = Roles("crm"), "a" * 58
    assert roles.plugin(long + "b") == "crm_plg_" + "a" * 43 + "__" + roles.plugin(long + "b")[-10:]
    assert roles.plugin(long + "b") != roles.plugin(long + "c")
    assert len(roles.plugin_owner(long)) == 63


@pytest.mark.parametrize("prefix", ["", "Crm", "pg_crm", "crm_", "crm__x", "crm_plg_x", "plg", "a" * 25, 'x"', "1a"])
def test_a_prefix_that_could_be_mistaken_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"role prefix .*: use at most 24 lower case letters"):
        Roles(prefix)


def test_names_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
