from __future__ import annotations

import socket
import threading
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from crm_core.isolation import protocol
from crm_core.isolation.channel import Channel
from crm_core.isolation.conversation import Conversation
from crm_core.isolation.loading import Loading
from crm_core.isolation.pool import WorkerFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SMALL = protocol.Reply("x" * 1000)
_LARGE = protocol.Reply("x" * 5_000_000)


class Elsewhere:
    """Runs what waits in another thread, as an operation on PostgreSQL does, and counts it."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.times = 0
        self._before = before

    def __call__(self, function: Callable[[], Any]) -> Any:
        self.times += 1
        self._before()
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(function()))
        thread.start()
        thread.join()
        return answers[0]


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Give the host's end of a channel and the worker's."""
    ours, theirs = socket.socketpair()
    with closing(Channel(ours, moment=0.002)) as host, closing(Channel(theirs)) as worker:
        yield host, worker


def _conversation(host: Channel, elsewhere: Elsewhere) -> Conversation:
    worker: Any = SimpleNamespace(channel=host, process=SimpleNamespace(cpu_seconds=lambda: 0.0))
    return Conversation(worker, Loading().meter, elsewhere)


def _nothing_to_serve(kind: str, _: list[Any]) -> Any:
    pytest.fail(f"nobody asks for {kind}")


def _answer(conversation: Conversation) -> Any:
    return conversation.answer(_nothing_to_serve, lambda *_: None)


def _ask_for_ever(conversation: Conversation) -> None:
    while True:
        conversation.ask(_SMALL)


def test_small_frames_are_sent_and_awaited_in_place(ends: tuple[Channel, Channel]) -> None:
    host, worker = ends
    elsewhere = Elsewhere()
    conversation = _conversation(host, elsewhere)
    conversation.ask(_SMALL)
    assert protocol.joined(worker.receive) == _SMALL
    worker.send(b"\x93\x0b\x05\xc2")
    assert _answer(conversation) == 5
    assert elsewhere.times == 0


def test_large_frames_are_sent_where_waiting_stops_nobody(ends: tuple[Channel, Channel]) -> None:
    host, worker = ends
    elsewhere = Elsewhere()
    received: list[Any] = []
    thread = threading.Thread(target=lambda: received.append(protocol.joined(worker.receive)))
    thread.start()
    _conversation(host, elsewhere).ask(_LARGE)
    thread.join()
    assert received == [_LARGE]
    assert elsewhere.times == 2  # one for each piece


def test_an_answer_that_takes_longer_is_awaited_where_waiting_stops_nobody(ends: tuple[Channel, Channel]) -> None:
    host, worker = ends
    answers = threading.Thread(target=lambda: worker.send(b"\x93\x0b\xa4late\xc2"))
    elsewhere = Elsewhere(before=answers.start)
    assert _answer(_conversation(host, elsewhere)) == "late"
    answers.join()
    assert elsewhere.times == 1


def test_a_worker_that_takes_no_question_is_given_up_without_waiting_long(ends: tuple[Channel, Channel]) -> None:
    host, _ = ends
    elsewhere = Elsewhere()
    conversation = _conversation(host, elsewhere)
    with pytest.raises(WorkerFailed, match="its worker did not take the question"):
        _ask_for_ever(conversation)
    assert elsewhere.times == 0
