"""The filter, run on every call there could be by a reader of its own language."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation.confinement import bpf, seccomp
from crm_core.isolation.confinement.syscalls import ALLOWED, MACHINES, NUMBERS
from tests.support.confined import child

_PID = 4321
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_EPERM, _ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_PROGRAMS = {machine: seccomp.program(machine, _PID) for machine in MACHINES}
_ARGUMENTS = st.lists(st.integers(0, 2**64 - 1), min_size=6, max_size=6)


class Call(NamedTuple):
    """A system call as a filter sees it."""

    machine: str
    number: int
    arguments: tuple[int, ...] = (0,) * 6

    def word(self, offset: int) -> int:
        if offset == bpf.NUMBER:
            return self.number
        if offset == bpf.ARCHITECTURE:
            return _ARCHITECTURES.get(self.machine, 0x40000003)
        index, half = divmod(offset - 16, 8)
        return self.arguments[index] >> (8 * half) & 0xFFFFFFFF


def _verdict(call: Call, program: bpf.Program) -> int:
    """Run a filter by the rules of the language: it may only go forward, and must return."""
    word, at = 0, 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        match code:
            case 0x20:
                word = call.word(value)
            case 0x54:
                word &= value
            case 0x15:
                at += if_true if word == value else if_false
            case 0x35:
                at += if_true if word >= value else if_false
            case 0x06:
                return value
            case _:
                pytest.fail(f"instruction {code:#x} is none of ours")


def _on(machine: str, name: str, *arguments: int) -> int:
    column = MACHINES.index(machine)
    number = NUMBERS[name][column] if name in NUMBERS else ALLOWED[name][column]
    assert number is not None
    return _verdict(Call(machine, number, (*arguments, 0, 0, 0, 0, 0, 0)[:6]), _PROGRAMS[machine])


@pytest.mark.parametrize("machine", MACHINES)
def test_a_filter_is_one_the_kernel_takes(machine: str) -> None:
    program = _PROGRAMS[machine]
    assert len(program) <= 4096
    assert all(0 <= each <= 255 for one in program for each in (one.if_true, one.if_false))


@pytest.mark.parametrize("machine", MACHINES)
def test_exactly_the_calls_of_the_list_pass(machine: str) -> None:
    column = MACHINES.index(machine)
    allowed = {numbers[column] for numbers in ALLOWED.values()} - {None}
    conditional = {numbers[column] for numbers in NUMBERS.values()}
    assert not allowed & conditional
    assert len(allowed) == sum(numbers[column] is not None for numbers in ALLOWED.values())
    for number in set(range(1000)) - conditional:
        assert _verdict(Call(machine, number), _PROGRAMS[machine]) == (_ALLOW if number in allowed else _EPERM)


@given(st.sampled_from(MACHINES), st.integers(0x40000000, 0xFFFFFFFF), _ARGUMENTS)
def test_the_second_calling_convention_is_refused(machine: str, number: int, arguments: list[int]) -> None:
    assert _verdict(Call(machine, number, tuple(arguments)), _PROGRAMS[machine]) == _EPERM


@given(st.sampled_from(MACHINES), st.integers(0, 2**32 - 1), _ARGUMENTS)
def test_a_call_made_for_another_machine_ends_the_process(machine: str, number: int, arguments: list[int]) -> None:
    other = {"x86_64": "aarch64", "aarch64": "i386"}[machine]
    assert _verdict(Call(other, number, tuple(arguments)), _PROGRAMS[machine]) == _KILL


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "verdict"),
    [
        ("clone", (0x3D0F00,), _ALLOW),  # a thread, by glibc
        ("clone", (0x7D0F00,), _ALLOW),  # a thread, by musl
        ("clone", (0x11,), _EPERM),  # fork
        ("clone", (0x4111,), _EPERM),  # vfork
        ("clone", (0x3D0F00 | 0x10000000,), _EPERM),  # a thread in a new user namespace
        ("clone", (0x10000,), _EPERM),  # a thread without the memory
        ("clone3", (0, 88), _ENOSYS),
        ("fcntl", (3, 1030, 0), _ALLOW),
        ("fcntl", (3, 8, 1), _EPERM),  # F_SETOWN
        ("fcntl", (3, 10, 9), _EPERM),  # F_SETSIG
        ("fcntl", (3, 15, 1), _EPERM),  # F_SETOWN_EX
        ("fcntl", (3, 1024, 0), _EPERM),  # F_SETLEASE
        ("ioctl", (3, 0x5401, 1), _ALLOW),
        ("ioctl", (3, 0x5412, 1), _EPERM),  # TIOCSTI: typing into somebody's terminal
        ("mmap", (0, 4096, 3, 0x22), _ALLOW),
        ("mmap", (0, 4096, 1, 0x01), _ALLOW),  # a file, shared
        ("mmap", (0, 4096, 3, 0x20022), _ALLOW),  # the stack of a thread
        ("mmap", (0, 4096, 3, 0x21), _EPERM),  # shared memory without a file
        ("mmap", (0, 4096, 3, 0x23), _EPERM),  # the same, validated
        ("mmap", (0, 4096, 3, 0x122), _EPERM),  # memory that grows downwards
        ("socketpair", (1, 1, 0), _ALLOW),
        ("socketpair", (1, 0x80801, 0), _ALLOW),
        ("socketpair", (1, 2, 0), _EPERM),
        ("socketpair", (2, 1, 0), _EPERM),
        ("sendto", (3, 1, 1, 0, 0, 0), _ALLOW),
        ("sendto", (3, 1, 1, 0, 0x1000, 16), _EPERM),
        ("sendto", (3, 1, 1, 0, 1 << 32, 16), _EPERM),
        ("kill", (_PID, 9), _ALLOW),
        ("kill", (_PID + 1, 0), _EPERM),
        ("kill", (0, 9), _EPERM),
        ("kill", (2**32 - 1, 9), _EPERM),
        ("tgkill", (_PID, _PID, 6), _ALLOW),
        ("tgkill", (1, 1, 9), _EPERM),
        ("prlimit64", (0, 7, 0), _ALLOW),
        ("prlimit64", (_PID + 1, 7, 0), _EPERM),
        ("prctl", (15,), _ALLOW),
        *(("prctl", (option,), _EPERM) for option in (1, 4, 8, 22, 23, 24, 28, 35, 38, 47, 59)),
    ],
)
def test_what_depends_on_arguments(machine: str, name: str, arguments: tuple[int, ...], verdict: int) -> None:
    assert _on(machine, name, *arguments) == verdict


def test_the_numbers_are_those_of_this_machine() -> None:
    """A call with a known answer for each of a few: a number of the wrong machine would not give it."""
    with child(confined=False) as each:
        assert each.call("raw", *_number("getpid")) == each.process.pid
        assert each.call("raw", *_number("getuid")) == os.getuid()
        assert each.call("raw", *_number("kill"), each.process.pid, 0) == 0


def _number(name: str) -> tuple[int]:
    number = (ALLOWED | NUMBERS)[name][MACHINES.index(os.uname().machine)]
    assert number is not None
    return (number,)
