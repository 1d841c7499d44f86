"""The channel against a worker that plays foul, and against itself."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation.channel import (
    LARGEST,
    Channel,
    ChannelClosed,
    ChannelError,
    ChannelTimeout,
    FrameTooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SOON = 0.2
_LATE = 30.0
_BOUND = 2 * 2**20


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    """Give the host's end, and the other end as an attacker has it."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    yield channel, theirs
    channel.close()
    theirs.close()


def _frame(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


@contextlib.contextmanager
def _memory_below(bound: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < bound
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def _meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let the attacker act in a thread until the block is over."""
    over = threading.Event()

    def attack() -> None:
        with contextlib.suppress(OSError):  # the host has hung up
            act(over)

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _sends(*data: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def act(theirs: socket.socket, _over: threading.Event) -> None:
        for each in data:
            theirs.sendall(each)

    return act


def _drips(data: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def act(theirs: socket.socket, over: threading.Event) -> None:
        for each in data:
            theirs.sendall(bytes([each]))
            if over.wait(0.01):
                return

    return act


def _floods(theirs: socket.socket, over: threading.Event) -> None:
    theirs.sendall((LARGEST).to_bytes(4, "big"))
    theirs.settimeout(_LATE)
    while not over.is_set():
        theirs.sendall(bytes(2**10))


def _leaves(*data: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def act(theirs: socket.socket, _over: threading.Event) -> None:
        for each in data:
            theirs.sendall(each)
        theirs.close()

    return act


_ATTACKS: dict[str, tuple[Callable[[socket.socket, threading.Event], None], type[ChannelError]]] = {
    "silence": (_sends(), ChannelTimeout),
    "the largest length there is": (_sends(b"\xff\xff\xff\xff"), FrameTooLarge),
    "one byte above the cap": (_sends((LARGEST + 1).to_bytes(4, "big")), FrameTooLarge),
    "a length above the cap, and content": (_sends(b"\x7f\xff\xff\xff", bytes(2**16)), FrameTooLarge),
    "a length bomb below the cap": (_sends(LARGEST.to_bytes(4, "big")), ChannelTimeout),
    "a length bomb with a little content": (_sends(LARGEST.to_bytes(4, "big"), bytes(100)), ChannelTimeout),
    "half a header": (_sends(b"\x00\x00"), ChannelTimeout),
    "one byte too few": (_sends(_frame(bytes(100))[:-1]), ChannelTimeout),
    "a header byte by byte": (_drips(b"\x00\x00\x00\xff"), ChannelTimeout),
    "content byte by byte": (_drips(_frame(bytes(2**16))), ChannelTimeout),
    "gone at once": (_leaves(), ChannelClosed),
    "gone in the header": (_leaves(b"\x00\x00\x00"), ChannelClosed),
    "gone in the content": (_leaves(_frame(bytes(100))[:-1]), ChannelClosed),
    "gone after a bomb": (_leaves(LARGEST.to_bytes(4, "big")), ChannelClosed),
    "a pickle": (_sends(b"\x80\x04\x95\x1d\x00\x00\x00\x00"), FrameTooLarge),
    "a line of text": (_sends(b"GET / HTTP/1.1\r\n\r\n"), FrameTooLarge),
}


@pytest.mark.parametrize("attack", _ATTACKS, ids=str)
def test_every_attack_ends_with_its_error_and_costs_no_memory(attack: str, pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    act, error = _ATTACKS[attack]
    with _meanwhile(lambda over: act(theirs, over)), _memory_below(_BOUND), pytest.raises(error):
        channel.receive(time.monotonic() + _SOON)


def test_a_flood_ends_at_the_cap_or_the_deadline(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    with _meanwhile(lambda over: _floods(theirs, over)), _memory_below(4 * LARGEST):
        with contextlib.suppress(ChannelTimeout):
            assert len(channel.receive(time.monotonic() + _SOON)) == LARGEST
        channel.close()


def test_a_flood_of_empty_frames_is_received_one_by_one(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.sendall(bytes(4) * 10_000)
    with _memory_below(_BOUND):
        assert {channel.receive(time.monotonic() + _LATE) for _ in range(10_000)} == {b""}


def test_a_worker_that_does_not_read_lets_send_time_out(pair: tuple[Channel, socket.socket]) -> None:
    channel, _ = pair
    with pytest.raises(ChannelTimeout):
        channel.send(bytes(LARGEST), time.monotonic() + _SOON)
    with pytest.raises(ChannelClosed, match="half a frame"):
        channel.send(b"next", time.monotonic() + _LATE)


def test_a_send_of_which_nothing_went_out_may_be_repeated(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.settimeout(_LATE)
    filled = 0
    with contextlib.suppress(ChannelTimeout):
        while True:
            channel.send(bytes(60), time.monotonic())
            filled += 1
    for _ in range(filled):
        assert theirs.recv(64, socket.MSG_WAITALL) == _frame(bytes(60))
    channel.send(b"again", time.monotonic() + _LATE)
    assert theirs.recv(100) == _frame(b"again")


def test_sending_to_one_who_is_gone(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.close()
    with pytest.raises(ChannelClosed):
        channel.send(b"hello", time.monotonic() + _LATE)


def test_a_frame_above_the_cap_is_not_sent_and_the_next_one_is(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    with pytest.raises(FrameTooLarge, match="send less"):
        channel.send(bytes(LARGEST + 1))
    channel.send(b"small")
    assert theirs.recv(100) == _frame(b"small")


def test_a_frame_half_read_at_the_deadline_is_whole_at_the_next_call(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    data = _frame(b"the whole frame")
    for part in (data[:2], data[2:7]):
        theirs.sendall(part)
        with pytest.raises(ChannelTimeout):
            channel.receive(time.monotonic() + 0.01)
    theirs.sendall(data[7:])
    assert channel.receive(time.monotonic() + _LATE) == b"the whole frame"


def test_who_waits_a_moment_gets_what_is_there_and_nothing_else() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, moment=0.002)
    with theirs, contextlib.closing(channel):
        assert channel.receive_soon() is None
        theirs.sendall(_frame(b"one") + _frame(b"two") + _frame(b"three")[:6])
        assert [channel.receive_soon() for _ in range(3)] == [b"one", b"two", None]
        theirs.sendall(_frame(b"three")[6:])
        assert channel.receive(time.monotonic() + _LATE) == b"three"
        theirs.sendall(b"\xff\xff\xff\xff")
        with pytest.raises(FrameTooLarge):
            channel.receive_soon()


def test_who_waits_for_ever_outlasts_many_moments() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, moment=0.001)
    with theirs, contextlib.closing(channel), _meanwhile(lambda over: _sends_after(theirs, over)):
        assert channel.receive() == b"late"


def _sends_after(theirs: socket.socket, over: threading.Event) -> None:
    over.wait(0.05)
    theirs.sendall(_frame(b"late"))


def test_waiting_a_moment_for_one_who_is_gone() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, moment=0.002)
    theirs.close()
    with contextlib.closing(channel), pytest.raises(ChannelClosed):
        channel.receive_soon()


def test_closing_wakes_who_waits(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    outcomes: list[str] = []

    def wait() -> None:
        try:
            channel.receive(time.monotonic() + _LATE)
        except ChannelClosed as error:
            outcomes.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    channel.close()
    thread.join(_LATE)
    assert outcomes == ["the other end of the channel is gone"]
    assert theirs.recv(1) == b""
    assert channel.fileno() == -1
    channel.close()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.integers(1, 50))
def test_frames_arrive_as_they_were_sent_however_they_are_cut(frames: list[bytes], cut: int) -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, largest=300)
    with theirs:
        data = b"".join(map(_frame, frames))
        for start in range(0, len(data), cut):
            theirs.sendall(data[start : start + cut])
        assert [channel.receive(time.monotonic() + _LATE) for _ in frames] == frames
        channel.close()


@pytest.mark.parametrize("size", [0, 1, 2**14 - 4, 2**14, 2**16, 2**20, LARGEST])
def test_both_ends_agree_on_every_size(size: int, pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    other = Channel(theirs)

    def echo(_over: threading.Event) -> None:
        other.send(other.receive())

    with _meanwhile(echo):
        channel.send(bytes(size), time.monotonic() + _LATE)
        assert channel.receive(time.monotonic() + _LATE) == bytes(size)
