"""Stop a plugin's own code that runs too long in this process.

One thread looks at the calls of all threads every few hundredths of a second and raises ``Stopped`` inside those
that have used up their time. It can end a loop, and most loops that swallow every exception: ``Stopped`` comes again
and again until it comes outside of the ``try``. It cannot end what does not come back to Python: ``time.sleep``, a wait
for a lock or a socket, a regular expression that backtracks for ever, code in C. Such a call ends when it ends, and
then counts as a failure; only a process of its own can be ended from outside.

An exception that arrives at any moment would be dangerous in the core's own code, in a driver that waits for its
answer, or in the next request on the same thread. Therefore a thread is armed only while the plugin's code runs:

- *Disarm* is one store, ``slot.deadline = NEVER``. Before the watchdog raises anything it sets ``slot.touched`` and
  looks at the deadline again, both under the lock; so whoever has disarmed and then finds ``touched`` unset can be
  sure that nothing is on its way.
- Whoever finds it set calls ``settle``, which takes back what was raised and has not arrived. At most one ``Stopped``
  can arrive meanwhile, since a disarmed thread gets no second one.

The interpreter raises such an exception only where a function is entered, a call returns or a loop goes round, so
the store at the head of a ``finally`` block cannot be missed.
"""

from __future__ import annotations

import ctypes
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_core.plugin_host.budgets import Meter

NEVER = float("inf")
_TICK_SECONDS = 0.05


class Stopped(BaseException):
    """Raised inside a plugin's code that has used up its time; not an Exception, so that it is seldom caught."""


def _cpu_clock(thread: int) -> int | None:
    """Return the clock of a thread's CPU time, None on systems without one."""
    get = getattr(time, "pthread_getcpuclockid", None)
    return None if get is None else int(get(thread))


class Slot:
    """What one thread runs at the moment of a plugin's code, and until when it may."""

    __slots__ = ("__weakref__", "clock", "cpu", "deadline", "meter", "seen", "since", "thread", "touched")

    def __init__(self) -> None:
        """Make the slot of the thread that calls this."""
        self.thread = threading.get_ident()
        self.clock = _cpu_clock(self.thread)
        self.meter: Meter | None = None
        self.deadline = NEVER
        self.since = 0.0
        self.touched = False
        self.seen = 0.0
        self.cpu = 0.0


UNWATCHED = Slot()
"""For calls that are stopped from elsewhere, as those of plugins in processes of their own are; nobody looks at it."""


class _Watchdog:
    """The one that looks at the slots of all threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._slots: weakref.WeakSet[Slot] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    def add(self, slot: Slot) -> None:
        """Look at one more slot, as long as its thread lives."""
        with self.lock:
            self._slots.add(slot)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="crm-watchdog", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            with self.lock:
                slots = list(self._slots)
            for slot in slots:
                if slot.deadline is not NEVER:
                    self._look(slot)

    def _look(self, slot: Slot) -> None:
        """Stop what the slot's thread runs if its time is over."""
        now, stretch = time.perf_counter(), slot.since
        used = _cpu_used(slot, stretch)
        meter = slot.meter
        if meter is None or (now < slot.deadline and not meter.is_over_cpu(used)):
            return
        with self.lock:
            slot.touched = True
            # Read in the opposite order of arming: the same stretch means that all three belong together.
            deadline, meter = slot.deadline, slot.meter
            if deadline is NEVER or meter is None or slot.since != stretch:
                return  # it has ended meanwhile; ``settle`` will find nothing to take back
            if now >= deadline:
                meter.exceed_wall(meter.spent + now - stretch)
            else:
                meter.exceed_cpu(used)
            _raise_in(slot.thread, Stopped)


_threads = threading.local()
_watchdog = _Watchdog()


def slot_of_thread() -> Slot:
    """Return the slot of the present thread."""
    try:
        slot: Slot = _threads.slot
    except AttributeError:
        slot = _threads.slot = Slot()
        _watchdog.add(slot)
    return slot


def settle(slot: Slot) -> None:
    """Take back what was raised in the present thread, which has been disarmed, and has not arrived yet."""
    with _watchdog.lock:
        _raise_in(slot.thread, None)
        slot.touched = False


def _cpu_used(slot: Slot, stretch: float) -> float:
    """Return the CPU seconds of a stretch of plugin code since the watchdog has first seen it."""
    if slot.clock is None:
        return 0.0
    try:
        at = time.clock_gettime(slot.clock)
    except OSError:  # the thread has ended
        return 0.0
    if slot.seen != stretch:
        slot.seen, slot.cpu = stretch, at
    return at - slot.cpu


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None if kind is None else ctypes.py_object(kind))
