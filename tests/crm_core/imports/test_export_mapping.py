from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from crm_core.accounts.schemas import ACCOUNT
from crm_core.imports.export_cells import columns_of
from crm_core.imports.export_mapping import mapping_text
from crm_core.imports.mapping import parse_mapping


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_whatever_the_system_is_called_the_mapping_is_toml(system: str) -> None:
    text = mapping_text("account", system, "csv", columns_of(ACCOUNT, {}))
    assert tomllib.loads(text)["record"][0]["system"] == system


def test_the_mapping_sets_what_may_be_set_and_names_what_it_leaves_out() -> None:
    text = mapping_text("account", "crm:main", "csv", columns_of(ACCOUNT, {}))
    (record,) = parse_mapping(text.encode(), "map.toml").records
    assert set(record.fields) == {field.name for field in ACCOUNT.fields if field.writable} - {"owner_id"}
    assert "# owner_id: users are not exported" in text
