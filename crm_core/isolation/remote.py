"""A plugin in workers of its own, as the core calls it: functions that look like the plugin's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.errors import InvalidInput
from crm_core.isolation import callbacks, protocol
from crm_core.isolation.conversation import Conversation, Unsendable
from crm_core.isolation.loading import Loading
from crm_core.isolation.pool import Pool, WorkerFailed
from crm_core.isolation.shapes import to_argument
from crm_core.isolation.values import encode
from plugin_sdk import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from crm_core.isolation.callbacks import HostContext
    from crm_core.isolation.conversation import Log, Serve
    from crm_core.isolation.failures import Failure
    from crm_core.isolation.inspection import Implementation
    from crm_core.isolation.pool import Worker
    from crm_core.isolation.process import WorkerSpec
    from crm_core.isolation.protocol import FromHost, JobData, RouteData

__all__ = ["Figures", "PluginRaised", "RemoteFunction", "RemotePlugin", "WorkerFailed"]

_MOST_TENANTS = 1024
"""Of how many tenants the settings are kept as they are sent."""
_ATTEMPTS = 3
"""How many workers a call may come upon that have ended while nobody looked."""


class PluginRaised(Exception):
    """A plugin's code raised something in its worker; the text is its type and text, as they came."""


@dataclass(frozen=True, slots=True, eq=False)
class RemoteFunction:
    """A hook, a route or a job of a plugin: called with the context first, then with its other arguments."""

    plugin: RemotePlugin
    kind: str
    name: str

    def __call__(self, context: Any, *arguments: Any) -> Any:
        """Call the plugin's function in a worker; ``context`` is a ``callbacks.HostContext``."""
        return self.plugin.invoke(context, self.kind, self.name, arguments)


class Figures(NamedTuple):
    """How the workers of one plugin do, for monitoring."""

    workers: int
    memory_bytes: int
    started: int
    replaced: int


class RemotePlugin:
    """One plugin of one process of the core; every method may be called from any thread."""

    def __init__(self, label: str, pool: Pool, ready: protocol.Ready) -> None:
        """Use ``start``."""
        self.label = label
        self.implementations: Sequence[Implementation] = ready.implementations
        self.standing = frozenset(ready.standing)
        self.missing: Mapping[str, str] = ready.missing
        self._pool = pool
        self._settings: dict[UUID, tuple[Mapping[str, Any], bytes]] = {}
        self._with_facts = frozenset(each.hook for each in self.implementations if "ctx" in each.arguments)

    @classmethod
    def start(cls, spec: WorkerSpec, *, label: str, module: str) -> RemotePlugin:
        """Start a first worker that imports the plugin's module; raises WorkerFailed with the reason why not."""
        pool = Pool(spec, protocol.Start(spec.plugin, label, module))
        try:
            worker = pool.open()
        except BaseException:
            pool.close()
            raise
        return cls(label, pool, worker.ready)

    @property
    def workers(self) -> Sequence[Worker]:
        """Its workers at the moment, busy or not."""
        return self._pool.workers

    @property
    def figures(self) -> Figures:
        """How its workers do: those there are, what memory they occupy, all that were started, those that failed."""
        workers = self._pool.workers
        memory = sum(worker.process.memory_bytes() for worker in workers)
        return Figures(len(workers), memory, self._pool.started, self._pool.replaced)

    def invoke(self, context: HostContext, kind: str, name: str, arguments: Sequence[Any]) -> Any:
        """Call a hook, a route or a job with a context and return what it returns."""
        facts = self._facts(context) if kind != "hook" or name in self._with_facts else None
        frame = protocol.Invoke(kind, name, facts, [to_argument(each) for each in arguments])
        return self._ask(
            frame, context, partial(callbacks.answer, context), lambda level, text: context.log.log(level, "%s", text)
        )

    def ask_at_load(self, hook: str, arguments: Sequence[Any]) -> Any:
        """Return what a hook answers that is asked before any operation, without a context."""
        frame = protocol.Invoke("hook", hook, None, [to_argument(each) for each in arguments])
        return self._ask(frame, Loading(), _nothing_to_ask, _nowhere)

    def describe(self, hook: str) -> Sequence[RouteData | JobData]:
        """Return what the plugin offers: its ``routes`` or its ``scheduled_jobs``."""
        described = self._ask(protocol.Describe(hook), Loading(), _nothing_to_ask, _nowhere)
        if not isinstance(described, protocol.Described):
            raise WorkerFailed(f"its worker did not describe its {hook}")
        return described.items

    def migrate(self, location: str, schema: str, dialect: str, serve: Callable[..., Any]) -> Any:
        """Run the plugin's migrations in a worker and return the revision reached; ``serve`` runs each statement."""
        refused: list[Exception] = []

        def served(_: str, arguments: list[Any]) -> Any:
            try:
                return serve(*arguments)
            except Exception as error:
                refused.append(error)
                raise

        try:
            return self._ask(protocol.Migrate(location, schema, dialect), Loading(), served, _nowhere)
        except PluginRaised:
            # What the host itself had against a statement says more than what has become of it over there.
            if refused:
                raise refused[-1] from None
            raise

    def close(self) -> None:
        """End its workers; calls that are running fail."""
        self._pool.close()

    def _facts(self, context: HostContext) -> protocol.Facts:
        return protocol.Facts(
            context.tenant_id, context.actor_id, context.request_id, context.now, self._settings_of(context)
        )

    def _settings_of(self, context: HostContext) -> bytes:
        """Return a tenant's settings as they are sent; they are encoded once, until they change."""
        settings = context.stored_settings
        known = self._settings.get(context.tenant_id)
        if known is None or known[0] is not settings:
            if len(self._settings) >= _MOST_TENANTS:
                self._settings.clear()
            known = self._settings[context.tenant_id] = (settings, encode(settings))
        return known[1]

    def _ask(self, frame: FromHost, context: HostContext | Loading, serve: Serve, log: Log) -> Any:
        worker, conversation = self._begin(frame, context)
        try:
            answer = conversation.answer(serve, log)
        except BaseException as error:
            self._pool.discard(worker, str(error) if isinstance(error, WorkerFailed) else type(error).__name__)
            raise
        self._pool.release(worker)
        if isinstance(answer, protocol.Failed):
            raise _error_of(answer.failure)
        return answer

    def _begin(self, frame: FromHost, context: HostContext | Loading) -> tuple[Worker, Conversation]:
        """Send a question to a worker that is there to hear it: nothing of the plugin has run before."""
        told = ""
        for _ in range(_ATTEMPTS):
            worker = self._pool.acquire(context.in_thread)
            conversation = Conversation(worker, context.meter, context.in_thread)
            try:
                conversation.ask(frame)
            except Unsendable as unsendable:
                told = str(unsendable)
                self._pool.discard(worker, told)
            except BaseException as error:
                self._pool.discard(worker, str(error))
                raise
            else:
                return worker, conversation
        raise WorkerFailed(f"its workers end as soon as they have started: {told}")


def _error_of(failure: Failure) -> Exception:
    """Return the error of a plugin as the core takes it."""
    problem = failure.as_body_problem()
    if problem is not None:
        return InvalidInput(str(problem), pointer=problem.pointer)
    return failure.as_sdk_error() or PluginRaised(failure.told)


def _nothing_to_ask(kind: str, _: list[Any]) -> Any:
    raise NotAllowed(f"ctx.{kind[:50]} was asked for outside of any operation")


def _nowhere(_level: int, _text: str) -> None:
    """Drop a line that belongs to no operation."""
