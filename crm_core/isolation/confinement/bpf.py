"""The little language of seccomp filters: instructions, and the few shapes our rules are made of."""

from __future__ import annotations

from typing import NamedTuple

NUMBER, ARCHITECTURE = 0, 4
"""Where the number of a call and the machine it was made for stand in what a filter sees."""

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_JUMP_EQUAL, _JUMP_NOT_LESS = 0x15, 0x35
_ARGUMENTS, _ARGUMENT_SIZE, _HIGH_WORD = 16, 8, 4

_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000


class Instruction(NamedTuple):
    """One instruction, as the kernel reads it."""

    code: int
    if_true: int
    if_false: int
    value: int


Program = list[Instruction]


def load(offset: int) -> Instruction:
    """Load a word of what the filter sees."""
    return Instruction(_LOAD, 0, 0, offset)


def argument(index: int, *, high: bool = False) -> Instruction:
    """Load one half of an argument; for what the kernel takes as an int the low half is all there is."""
    return load(_ARGUMENTS + index * _ARGUMENT_SIZE + (_HIGH_WORD if high else 0))


def mask(bits: int) -> Instruction:
    """Keep only these bits of the word."""
    return Instruction(_AND, 0, 0, bits)


def allow() -> Instruction:
    """Let the call pass."""
    return Instruction(_RETURN, 0, 0, _ALLOW)


def refuse(error: int) -> Instruction:
    """Let the call fail with this error."""
    return Instruction(_RETURN, 0, 0, _ERRNO | error)


def kill() -> Instruction:
    """End the whole process."""
    return Instruction(_RETURN, 0, 0, _KILL_PROCESS)


def when(value: int, then: Program) -> Program:
    """Run ``then``, which must return, if the word equals ``value``."""
    return [Instruction(_JUMP_EQUAL, 0, len(then), value), *then]


def unless(value: int, then: Program) -> Program:
    """Run ``then``, which must return, if the word is not ``value``."""
    return [Instruction(_JUMP_EQUAL, len(then), 0, value), *then]


def from_(value: int, then: Program) -> Program:
    """Run ``then``, which must return, if the word is ``value`` or greater."""
    return [Instruction(_JUMP_NOT_LESS, 0, len(then), value), *then]
