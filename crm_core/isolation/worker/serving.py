"""The loop of a worker: one question of the host at a time, answered by the plugin's code."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from crm_core.isolation import protocol
from crm_core.isolation.channel import ChannelClosed
from crm_core.isolation.failures import failure_of
from crm_core.isolation.inspection import implementations
from crm_core.isolation.values import EncodeError, encode, encode_tree, from_tree, to_tree
from crm_core.isolation.worker.context import WorkerContext
from crm_core.isolation.worker.offers import Offers
from plugin_sdk import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.isolation.channel import Channel
    from crm_core.isolation.confinement import Report

_PART_BYTES = 128 * 1024
"""How much of an iterator is sent at a time."""


class Serving:
    """One plugin and its host."""

    def __init__(self, channel: Channel, report: Report) -> None:
        self._channel = channel
        self._report = report
        # A plugin may use its context from several threads at once; the host answers one question at a time.
        self._lock = threading.RLock()
        self._answering = False
        self._plugin = ""
        self._label = ""
        self._hooks: dict[str, Callable[..., Any]] = {}
        self._contexts: dict[str, int] = {}
        self._offers = Offers(self._hooks)

    def run(self) -> None:
        """Answer until the host is gone."""
        while True:
            try:
                self._answer(protocol.joined(self._channel.receive))
            except ChannelClosed:
                return

    def ask(self, kind: str, *arguments: Any) -> Any:
        """Ask the host for something while it waits for an answer; see ``context.Host``."""
        frame = encode_tree(protocol.Callback(kind, [to_tree(each) for each in arguments]))
        with self._lock:
            self._send(frame)
            answer = protocol.joined(self._channel.receive)
        if isinstance(answer, protocol.Failed):
            raise answer.failure.as_error()
        return from_tree(answer.value)

    def log(self, level: int, text: str) -> None:
        """Send a line for the host's log."""
        frame = encode_tree(protocol.Log(level, str.encode(text, "utf-8", "backslashreplace").decode()))
        with self._lock:
            self._send(frame)

    def _send(self, frame: bytes) -> None:
        if not self._answering:
            message = f"plugin {self._label} went on in a thread after its call had ended; end it before returning"
            raise NotAllowed(message)
        self._channel.send(frame)

    def _answer(self, frame: protocol.FromHost) -> None:
        self._answering = True
        try:
            self._end_with(encode_tree(self._perform(frame)))
        except ChannelClosed:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the plugin raises, the host has to hear of it
            self._end_with(encode_tree(protocol.Failed(failure_of(error))))

    def _end_with(self, answer: bytes) -> None:
        with self._lock:
            self._channel.send(answer)
            self._answering = False

    def _perform(self, frame: protocol.FromHost) -> protocol.FromWorker:
        if isinstance(frame, protocol.Invoke):
            return self._invoke(frame)
        if isinstance(frame, protocol.Start):
            return self._start(frame)
        if isinstance(frame, protocol.Describe):
            return protocol.Described(self._offers.describe(frame.hook))
        if isinstance(frame, protocol.Migrate):
            return self._migrate(frame)
        raise TypeError(f"a {type(frame).__name__} asks for nothing")

    def _migrate(self, migrate: protocol.Migrate) -> protocol.Result:
        from crm_core.isolation.worker import migrations  # noqa: PLC0415 - Alembic only where it is needed

        def execute(text: str, values: Any) -> Any:
            return self.ask("execute", text, values)

        return protocol.Result(migrations.run(migrate.location, migrate.schema, migrate.dialect, execute))

    def _start(self, start: protocol.Start) -> protocol.Ready:
        self._plugin, self._label = start.plugin, start.label
        module = importlib.import_module(start.module)
        found = list(implementations(module))
        for each in found:
            self._hooks[each.hook] = getattr(module, each.attribute)
            if "ctx" in each.arguments:
                self._contexts[each.hook] = each.arguments.index("ctx")
        return protocol.Ready(sorted(self._report.standing), dict(self._report.missing), found)

    def _invoke(self, invoke: protocol.Invoke) -> protocol.FromWorker:
        hook = invoke.kind == "hook"
        function = self._hooks[invoke.name] if hook else self._offers.function(invoke.kind, invoke.name)
        arguments = [from_tree(each) for each in invoke.arguments]
        if invoke.facts is None:
            return self._result(function(*arguments))
        context = WorkerContext(self, self._plugin, self._label, invoke.facts)
        arguments.insert(self._contexts[invoke.name] if hook else 0, context)
        try:
            return self._result(function(*arguments))
        finally:
            context.close()

    def _result(self, result: Any) -> protocol.Result:
        """Return what the plugin returned; an iterator is read here, while its context is alive."""
        try:
            return protocol.Result(to_tree(result))
        except EncodeError:
            if isinstance(result, Mapping) or not isinstance(result, Iterable):
                raise
        size, items = 0, []
        for each in result:
            items.append(encode(each))
            size += len(items[-1])
            if size > _PART_BYTES:
                self._send_part(items)
                size, items = 0, []
        self._send_part(items)
        return protocol.Result(None, iterated=True)

    def _send_part(self, items: list[bytes]) -> None:
        with self._lock:
            self._send(encode_tree(protocol.Part(items)))
