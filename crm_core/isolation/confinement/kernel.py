"""Talking to the Linux kernel where the standard library does not: system calls by number, and prctl."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


Argument = int | bytes | ctypes.Structure | ctypes.Array[Any] | None
"""What a system call takes: a number, a text, memory it may read and write (by its address), or nothing."""


def syscall(number: int, *arguments: Argument) -> int:
    """Make one system call; an error is raised as OSError."""
    return _checked(_libc().syscall(ctypes.c_long(number), *map(_word, arguments)))


def prctl(option: int, *arguments: int) -> int:
    """Change one property of this process; an error is raised as OSError."""
    words = [*arguments, 0, 0, 0, 0][:4]
    return _checked(_libc().prctl(ctypes.c_int(option), *map(_word, words)))


def _word(argument: Argument) -> object:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    if isinstance(argument, bytes):
        return ctypes.c_char_p(argument)
    return None if argument is None else ctypes.byref(argument)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
