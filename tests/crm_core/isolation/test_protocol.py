from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation import protocol
from crm_core.isolation.failures import Failure
from crm_core.isolation.inspection import Implementation, Parameter
from crm_core.isolation.values import DecodeError, encode, encode_tree, to_tree

_FACTS = protocol.Facts(uuid4(), None, "r1", dt.datetime.now(dt.UTC), encode({"points": 3}))
_FROM_HOST: list[protocol.FromHost] = [
    protocol.Start("loyalty", "loyalty@1.0.0", "crm_loyalty.hooks"),
    protocol.Invoke("hook", "record_validate", _FACTS, [to_tree(uuid4()), to_tree({"a": [1]})]),
    protocol.Invoke("job", "nightly", None, []),
    protocol.Describe("routes"),
    protocol.Migrate("folder", "plg_loyalty", "sqlite"),
    protocol.Reply(to_tree([1, 2])),
    protocol.Failed(Failure(3, "NotFound", "gone")),
]
_FROM_WORKER: list[protocol.FromWorker] = [
    protocol.Ready(
        ["seccomp"],
        {"uid": "not root"},
        [Implementation("f", "score", False, False, True, (Parameter("record", "record", True),))],  # noqa: FBT003 - data
    ),
    protocol.Result(to_tree({"a": uuid4()})),
    protocol.Part([b"\x01", b"\x02"]),
    protocol.Callback("api.get", ["account", to_tree(uuid4())]),
    protocol.Log(20, "hello"),
    protocol.Described([protocol.RouteData("GET", "/a", "a:read", "A", 200, "a", b"{}", None)]),
    protocol.Described([protocol.JobData("nightly", to_tree(dt.timedelta(days=1)), "")]),
    protocol.Failed(Failure(-1, "ValueError", "x")),
]


@pytest.mark.parametrize("frame", _FROM_HOST, ids=lambda frame: type(frame).__name__)
def test_frames_of_the_host_arrive(frame: protocol.FromHost) -> None:
    sent = iter(protocol.pieces(frame))
    assert protocol.joined(lambda: next(sent)) == frame


@pytest.mark.parametrize("frame", _FROM_WORKER, ids=lambda frame: type(frame).__name__)
def test_frames_of_a_worker_arrive(frame: protocol.FromWorker) -> None:
    assert protocol.from_worker(encode_tree(frame)) == frame


@pytest.mark.parametrize("frame", _FROM_HOST[:5], ids=lambda frame: type(frame).__name__)
def test_a_worker_cannot_speak_for_the_host(frame: protocol.FromHost) -> None:
    with pytest.raises(DecodeError):
        protocol.from_worker(encode_tree(frame))


def test_a_large_frame_of_the_host_is_sent_in_pieces() -> None:
    frame = protocol.Reply(to_tree(["x" * 1000] * 20_000))
    sent = protocol.pieces(frame)
    assert len(sent) > 1
    assert max(map(len, sent)) <= 8 * 2**20
    waiting = iter(sent)
    assert protocol.joined(lambda: next(waiting)) == frame


def test_a_piece_of_neither_kind_is_refused() -> None:
    with pytest.raises(DecodeError, match="neither kind"):
        protocol.joined(lambda: b"\x07")


@given(st.binary(max_size=100))
def test_random_bytes_raise_nothing_but_a_decode_error(data: bytes) -> None:
    try:
        protocol.from_worker(data)
    except DecodeError:
        return


@given(st.sampled_from(_FROM_WORKER), st.data())
def test_damaged_frames_raise_nothing_but_a_decode_error(frame: protocol.FromWorker, data: st.DataObject) -> None:
    whole = bytearray(encode_tree(frame))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        protocol.from_worker(bytes(whole))
    except DecodeError:
        return
