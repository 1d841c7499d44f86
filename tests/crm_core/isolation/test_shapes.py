from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation import protocol
from crm_core.isolation.nodes import IdNode, RecordNode
from crm_core.isolation.shapes import ShapedRecord, to_argument
from crm_core.isolation.values import DecodeError, EncodeError, encode_tree, from_tree
from plugin_sdk import Record
from tests.support.travelling import RECORDS, VALUES, same

_ID = uuid4()
_NOW = dt.datetime(2026, 3, 1, 12, 30, 15, 123456, dt.UTC)


class _DriversId(UUID):
    """As the driver of PostgreSQL has them."""


def _record(**values: Any) -> Record:
    return Record("account", _ID, 3, MappingProxyType(values), MappingProxyType({}))


def _sent(value: Any) -> Any:
    """Return what a worker gets for an argument."""
    pieces = iter(protocol.pieces(protocol.Invoke("hook", "score", None, [to_argument(value)])))
    return from_tree(protocol.joined(lambda: next(pieces)).arguments[0])


@given(RECORDS)
def test_every_record_comes_back_as_it_was_and_frozen(record: Record) -> None:
    back = _sent(record)
    assert back == record
    assert same(back.values, record.values)
    assert same(back.plugins, record.plugins)


@given(VALUES)
def test_every_other_value_comes_back_as_it_was(value: Any) -> None:
    assert same(_sent(value), value)


@given(st.lists(st.one_of(st.none(), st.decimals(allow_nan=False, allow_infinity=False, places=2)), min_size=1))
def test_records_of_one_kind_with_other_empty_fields_come_back(amounts: list[Decimal | None]) -> None:
    for amount in amounts:
        assert same(_sent(_record(amount=amount, name="A")).values["amount"], amount)


def test_a_field_that_is_empty_in_one_record_needs_no_shape_of_its_own() -> None:
    full = to_argument(_record(shaped_by=_NOW, amount=Decimal("1.50")))
    for values in ({"shaped_by": None, "amount": Decimal(2)}, {"shaped_by": None, "amount": None}):
        argument = to_argument(_record(**values))
        assert isinstance(argument, ShapedRecord)
        assert isinstance(full, ShapedRecord)
        assert argument.shape == full.shape


def test_the_usual_record_is_written_without_a_node_for_any_value() -> None:
    values = {
        "id": _ID,
        "at": _NOW,
        "on": _NOW.date(),
        "amount": Decimal("1.50"),
        "count": 2,
        "open": True,
        "none": None,
    }
    argument = to_argument(_record(**values))
    assert isinstance(argument, ShapedRecord)
    assert len(argument.values) < 60


def test_a_record_is_encoded_once_unless_something_in_it_could_change() -> None:
    record = _record(name="A", amount=Decimal(2))
    assert to_argument(record) is to_argument(record)
    assert to_argument(_record(name="A", amount=Decimal(2))) is not to_argument(record)
    tags = ["one"]
    mutable = _record(name="A", tags=tags)
    to_argument(mutable)
    tags.append("two")
    assert _sent(mutable).values["tags"] == ["one", "two"]


def test_ids_of_the_driver_come_back_as_pythons_own() -> None:
    back = _sent(_record(owner_id=_DriversId(int=5)))
    assert same(back.values["owner_id"], UUID(int=5))


@pytest.mark.parametrize(
    "value", [2**70, _NOW.astimezone(dt.timezone(dt.timedelta(hours=2)))], ids=["a large integer", "another offset"]
)
def test_what_the_encoder_would_not_keep_goes_the_long_way(value: Any) -> None:
    record = _record(value=value)
    assert isinstance(to_argument(record), RecordNode)
    assert str(_sent(record).values["value"]) == str(value)


@pytest.mark.parametrize("values", [{"name": object()}, {"name": "\ud800"}], ids=["object", "surrogate"])
def test_what_cannot_travel_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(EncodeError):
        to_argument(_record(**values))


def test_a_record_without_an_id_is_refused_before_a_worker_sees_it() -> None:
    nameless: Any = None
    with pytest.raises(EncodeError, match="an id or fields of wrong types"):
        to_argument(Record("account", nameless, 1, MappingProxyType({"name": "A"})))


def test_a_worker_may_not_send_a_record_with_a_shape() -> None:
    argument: Any = to_argument(_record(name="A"))
    for frame in (protocol.Result(argument), protocol.Callback("api.get", [argument, IdNode(_ID)])):
        with pytest.raises(DecodeError):
            protocol.from_worker(encode_tree(frame))
