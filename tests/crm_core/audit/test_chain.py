from __future__ import annotations

import datetime as dt
import hashlib
import json
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_core.audit.chain import canonical, genesis, link

_TENANT = UUID("01890000-0000-7000-8000-000000000001")
_EVENT = (
    _TENANT,
    UUID("01890000-0000-7000-8000-000000000002"),
    dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC),
    None,
    "loyalty@1.0.0",
    "r1",
    "account",
    UUID("01890000-0000-7000-8000-000000000003"),
    "update",
    {"name": ["Łódź", 'a "b"'], "amount": [None, "10.0000"], "n": [1, 1.5]},
)
_WRITTEN = (
    '{"action":"update","actor_id":null,"at":"2026-03-01T12:00:00.000000Z",'
    '"diff":{"amount":[null,"10.0000"],"n":[1,1.5],"name":["Łódź","a \\"b\\""]},'
    '"id":"01890000-0000-7000-8000-000000000002","plugin":"loyalty@1.0.0",'
    '"record_id":"01890000-0000-7000-8000-000000000003","record_type":"account","request_id":"r1",'
    '"tenant_id":"01890000-0000-7000-8000-000000000001"}'
)
_VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
_JSON = st.dictionaries(st.text(max_size=5), st.lists(_VALUES, min_size=2, max_size=2), max_size=3)


def test_the_form_of_an_event_is_fixed_for_good() -> None:
    assert canonical(_EVENT).decode() == _WRITTEN
    first = hashlib.sha256(b"crm-core audit chain 01890000-0000-7000-8000-000000000001").hexdigest()
    assert genesis(_TENANT) == first
    assert link(first, _EVENT) == hashlib.sha256(first.encode() + _WRITTEN.encode()).hexdigest()


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    elsewhere = _EVENT[2].astimezone(dt.timezone(dt.timedelta(hours=2)))
    assert canonical((*_EVENT[:2], elsewhere, *_EVENT[3:])) == canonical(_EVENT)


@given(_JSON, _JSON)
def test_events_have_one_hash_exactly_if_they_say_the_same(one: dict[str, object], other: dict[str, object]) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (link("", (*_EVENT[:-1], one)) == link("", (*_EVENT[:-1], other))) is same
