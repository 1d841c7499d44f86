"""Values that travel between the core and a worker, as hypothesis makes them up."""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from plugin_sdk import Level, Operation, Patch, Record, UninstallMode

_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**300), max_value=2**300),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    _DECIMALS,
    st.uuids(),
    st.datetimes(),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.builds(
        lambda at, offset: at.replace(tzinfo=dt.timezone(offset)),
        st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1)),  # noqa: DTZ001 - the offset comes after
        st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)),
    ),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.sampled_from([*Operation, *Level, *UninstallMode]),
)
_KEYS = st.one_of(st.uuids(), st.integers(), st.dates(), st.text(max_size=3), _DECIMALS)


def _inside(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(values, max_size=4),
        st.lists(values, max_size=4).map(tuple),
        st.sets(_KEYS, max_size=4),
        st.frozensets(_KEYS, max_size=4),
        st.dictionaries(st.text(), values, max_size=4),
        st.dictionaries(_KEYS, values, max_size=4),
        st.dictionaries(st.text(), values, max_size=4).map(MappingProxyType),
        st.builds(Patch, st.dictionaries(st.text(), values), st.dictionaries(st.text(), values)),
    )


VALUES = st.recursive(_LEAVES, _inside, max_leaves=20)
_FIELDS = st.dictionaries(st.text(), VALUES, max_size=5)
RECORDS = st.builds(
    Record,
    st.text(),
    st.uuids(),
    st.integers(0, 2**31),
    _FIELDS.map(MappingProxyType),
    st.dictionaries(st.text(), _FIELDS.map(MappingProxyType), max_size=2).map(MappingProxyType),
)


def same(one: Any, other: Any) -> bool:
    """Compare as Python does, but True is not 1 and a tuple no list."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list | tuple):
        return all(map(same, one, other))
    if isinstance(one, dict | MappingProxyType):
        return all(same(value, other[key]) for key, value in one.items())
    return True
