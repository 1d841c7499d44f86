"""Time, memory, crashes and endless things."""

from __future__ import annotations

import sqlalchemy as sa

from plugin_sdk import Issue, Patch, SdkError

from .registry import attack
from .tables import note


@attack()
def endless_loop(ctx, new, facts):
    """Loop for ever."""
    while True:
        pass


@attack()
def endless_loop_that_catches(ctx, new, facts):
    """Loop for ever and catch everything."""
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


@attack()
def sleep(ctx, new, facts):
    """Sleep for a minute."""
    import time

    time.sleep(60)


@attack()
def catastrophic_pattern(ctx, new, facts):
    """Match a pattern that takes exponential time."""
    import re

    re.match(r"(a+)+$", "a" * 34 + "b")


@attack()
def memory(ctx, new, facts):
    """Take memory without end."""
    taken = []
    while len(taken) < 400:
        taken.append(bytearray(16 * 2**20))


@attack()
def deep_recursion(ctx, new, facts):
    """Recurse without end."""
    deep_recursion(ctx, new, facts)


@attack()
def system_exit(ctx, new, facts):
    """Raise SystemExit."""
    raise SystemExit(0)


@attack()
def keyboard_interrupt(ctx, new, facts):
    """Raise KeyboardInterrupt."""
    raise KeyboardInterrupt


@attack()
def generator_exit(ctx, new, facts):
    """Raise GeneratorExit."""
    raise GeneratorExit


@attack()
def cancelled(ctx, new, facts):
    """Raise CancelledError."""
    import asyncio

    raise asyncio.CancelledError


@attack()
def stop_iteration(ctx, new, facts):
    """Raise StopIteration."""
    raise StopIteration(new)


@attack()
def exit_process(ctx, new, facts):
    """End the process."""
    import os

    os._exit(3)


@attack()
def segfault(ctx, new, facts):
    """Crash the process."""
    import ctypes

    ctypes.string_at(0)


@attack()
def abort(ctx, new, facts):
    """Abort the process."""
    import os

    os.abort()


@attack()
def error_without_text(ctx, new, facts):
    """Raise an error that cannot be rendered."""

    class Unspeakable(Exception):
        def __str__(self):
            raise SystemExit

        __repr__ = __str__

    raise Unspeakable


@attack()
def error_with_endless_text(ctx, new, facts):
    """Raise an error of 50 MB of text."""
    raise ValueError("x" * 50_000_000)


@attack()
def error_with_evil_class(ctx, new, facts):
    """Raise an error whose class lies about its name."""

    class Meta(type):
        @property
        def __name__(cls):
            raise SystemExit

    class Evil(Exception, metaclass=Meta):
        pass

    raise Evil("x")


@attack()
def exception_group(ctx, new, facts):
    """Raise a group of errors."""
    raise BaseExceptionGroup("many", [KeyboardInterrupt(), ValueError()])


@attack()
def endless_output(ctx, new, facts):
    """Write to standard output without end."""
    import sys

    for _ in range(20_000):
        sys.stdout.write("x" * 1000)
        sys.stderr.write("x" * 1000)


@attack()
def many_threads(ctx, new, facts):
    """Start many threads."""
    import threading

    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait, args=(5,), daemon=True) for _ in range(500)]
    for thread in threads:
        thread.start()
    stop.set()


@attack()
def many_files(ctx, new, facts):
    """Open files until there are no more descriptors."""
    kept = []
    try:
        while len(kept) < 100_000:
            kept.append(open("/dev/null"))
    finally:
        for each in kept:
            each.close()


@attack("record_before_write")
def huge_patch(ctx, new, facts):
    """Return a text of 100 MB."""
    return Patch({"name": "x" * 100_000_000})


@attack("record_before_write")
def nested_patch(ctx, new, facts):
    """Return a value nested 100,000 deep."""
    value: list = []
    for _ in range(100_000):
        value = [value]
    return Patch({"name": value})


@attack("record_before_write")
def circular_patch(ctx, new, facts):
    """Return a value that contains itself."""
    value: list = []
    value.append(value)
    return Patch({"name": value})


@attack("record_validate")
def many_issues(ctx, new, facts):
    """Return a million issues."""
    return [Issue("x", "x" * 100)] * 1_000_000


@attack()
def many_statements(ctx, new, facts):
    """Run 100,000 statements."""
    for _ in range(100_000):
        ctx.sql.scalar(sa.select(sa.func.count()).select_from(note))


@attack()
def many_statements_swallowed(ctx, new, facts):
    """Run statements past the limit and swallow the refusal."""
    for _ in range(100_000):
        try:
            ctx.sql.scalar(sa.select(sa.func.count()).select_from(note))
        except SdkError:
            return


@attack()
def many_rows(ctx, new, facts):
    """Insert 50,000 rows."""
    import uuid

    for _ in range(50):
        rows = [{"tenant_id": ctx.tenant_id, "id": uuid.uuid4(), "record_id": new.id, "body": "x"} for _ in range(1000)]
        ctx.sql.execute(sa.insert(note).values(rows))


@attack()
def huge_row(ctx, new, facts):
    """Insert a value of 200 MB."""
    import uuid

    ctx.sql.execute(sa.insert(note).values(id=uuid.uuid4(), record_id=new.id, body="x" * 200_000_000))


@attack()
def many_api_calls(ctx, new, facts):
    """Create 5,000 accounts."""
    for number in range(5000):
        ctx.api.create("account", {"name": f"planted {number}"})


@attack()
def huge_statement(ctx, new, facts):
    """Build a statement nested a thousand deep."""
    condition = note.c.body == "x"
    for _ in range(1000):
        condition = sa.not_(sa.or_(condition, note.c.body.is_(None)).self_group())
    ctx.sql.rows(sa.select(note).where(condition))


@attack()
def many_parameters(ctx, new, facts):
    """Bind 200,000 values."""
    ctx.sql.rows(sa.select(note).where(note.c.body.in_([str(number) for number in range(200_000)])))


@attack()
def endless_log(ctx, new, facts):
    """Log 100,000 lines."""
    for _ in range(100_000):
        ctx.log.info("x" * 200)
