"""The wall "seccomp": which questions a worker may ask the kernel at all. What is not allowed fails with EPERM."""

from __future__ import annotations

import ctypes
import errno
import os

from crm_core.isolation.confinement import bpf
from crm_core.isolation.confinement.kernel import syscall
from crm_core.isolation.confinement.report import WallMissing
from crm_core.isolation.confinement.syscalls import ALLOWED, MACHINES, NUMBERS

_SECCOMP = dict(zip(MACHINES, (317, 277), strict=True))
_AUDIT_ARCHITECTURE = dict(zip(MACHINES, (0xC000003E, 0xC00000B7), strict=True))
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_X32 = 0x40000000

_CLONE_OF_A_THREAD = 0x7D0F00  # what C libraries ask for, and no namespace
_CLONE_THREAD_AND_MEMORY = 0x00010100
_MAP_SHARED_ANONYMOUS, _MAP_GROWS_DOWN = 0x21, 0x100
_FILE_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)  # duplicate, flags, locks; never whom to signal
_DEVICE_REQUESTS = (0x5401, 0x5421, 0x5450, 0x5451)  # is it a terminal, non-blocking, close on exec or not
_PROCESS_OPTIONS = (15, 16, 0x53564D41)  # names of threads and of memory
_AF_UNIX, _SOCK_STREAM, _SOCK_FLAGS = 1, 1, 0x80800

_EPERM = bpf.refuse(errno.EPERM)


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def build(machine: str) -> None:
    """Build the wall around all threads of this process."""
    instructions = program(machine, os.getpid())
    filters = (_Filter * len(instructions))(*(_Filter(*each) for each in instructions))
    try:
        syscall(
            _SECCOMP[machine],
            _SET_MODE_FILTER,
            _ALL_THREADS,
            _FilterProgram(len(instructions), filters),
        )
    except OSError as error:
        message = f"this kernel takes no seccomp filter ({error}); it needs CONFIG_SECCOMP_FILTER"
        raise WallMissing(message) from error


def program(machine: str, pid: int) -> bpf.Program:
    """Return the filter for a process on this machine."""
    column = MACHINES.index(machine)
    calls = [numbers[column] for numbers in ALLOWED.values()]
    return [
        bpf.load(bpf.ARCHITECTURE),
        *bpf.unless(_AUDIT_ARCHITECTURE[machine], [bpf.kill()]),
        bpf.load(bpf.NUMBER),
        *bpf.from_(_X32, [_EPERM]),  # the second calling convention of x86_64
        *(each for number in calls if number is not None for each in bpf.when(number, [bpf.allow()])),
        *(each for name, rule in _rules(pid).items() for each in bpf.when(NUMBERS[name][column], rule)),
        _EPERM,
    ]


def _rules(pid: int) -> dict[str, bpf.Program]:
    return {
        "clone": [
            bpf.argument(0),
            bpf.mask(~_CLONE_OF_A_THREAD & 0xFFFFFFFF),
            *bpf.unless(0, [_EPERM]),
            bpf.argument(0),
            bpf.mask(_CLONE_THREAD_AND_MEMORY),
            *_only(_CLONE_THREAD_AND_MEMORY),
        ],
        # Its flags are in memory, where a filter cannot look; C libraries go back to clone.
        "clone3": [bpf.refuse(errno.ENOSYS)],
        "fcntl": [bpf.argument(1), *_only(*_FILE_COMMANDS)],
        "ioctl": [bpf.argument(1), *_only(*_DEVICE_REQUESTS)],
        # Memory that RLIMIT_DATA does not count.
        "mmap": [
            bpf.argument(3),
            bpf.mask(_MAP_SHARED_ANONYMOUS),
            *bpf.when(_MAP_SHARED_ANONYMOUS, [_EPERM]),
            bpf.argument(3),
            bpf.mask(_MAP_GROWS_DOWN),
            *_only(0),
        ],
        # Pairs that reach nobody else: a datagram socket could send to any name.
        "socketpair": [
            bpf.argument(0),
            *bpf.unless(_AF_UNIX, [_EPERM]),
            bpf.argument(1),
            bpf.mask(~_SOCK_FLAGS & 0xFFFFFFFF),
            *_only(_SOCK_STREAM),
        ],
        "sendto": [bpf.argument(4), *bpf.unless(0, [_EPERM]), bpf.argument(4, high=True), *_only(0)],
        "kill": [bpf.argument(0), *_only(pid)],
        "tgkill": [bpf.argument(0), *_only(pid)],
        "prlimit64": [bpf.argument(0), *_only(0)],
        "prctl": [bpf.argument(0), *_only(*_PROCESS_OPTIONS)],
    }


def _only(*values: int) -> bpf.Program:
    return [*(each for value in values for each in bpf.when(value, [bpf.allow()])), _EPERM]
