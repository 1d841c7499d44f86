"""The wall "landlock": which files exist for a worker, and that there is no network and nobody to signal."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from typing import TYPE_CHECKING

from crm_core.isolation.confinement import readable
from crm_core.isolation.confinement.kernel import syscall
from crm_core.isolation.confinement.report import WallMissing

if TYPE_CHECKING:
    from crm_core.isolation.spec import WorkerSpec

# The same numbers on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ABI_QUESTION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_ON_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE
_SCRATCH = _ON_FILES | _READ_DIR | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER

# How many rights on files each version of Landlock knows; 6 and later know no more than 5.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_ABI, _SCOPES_ABI = 4, 6
_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


class Ruleset(ctypes.Structure):
    """What a ruleset has to say about: all that is named in it and not allowed by a rule is denied."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def build(spec: WorkerSpec) -> None:
    """Build the wall: what is not named here can neither be read nor written, and nothing can be executed."""
    denied, size = attributes(_abi())
    rights = denied.files
    ruleset = syscall(_CREATE_RULESET, denied, size, 0)
    try:
        for path in (*readable.code(spec.paths), *readable.HARMLESS):
            _allow(ruleset, path, rights & (_READ_FILE | _READ_DIR))
        for path in readable.listed():
            _allow(ruleset, path, rights & _READ_DIR)
        _allow(ruleset, os.devnull, rights & (_READ_FILE | _WRITE_FILE))
        if spec.scratch is not None:
            _allow(ruleset, spec.scratch, rights & _SCRATCH)
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def attributes(abi: int) -> tuple[Ruleset, int]:
    """Return all that this version of Landlock can deny, and how many bytes of that it knows."""
    denied = Ruleset(files=(1 << _FILE_RIGHTS[min(abi, max(_FILE_RIGHTS))]) - 1)
    known = 1
    if abi >= _NETWORK_ABI:
        denied.network = _BIND_AND_CONNECT
        known = 2
    if abi >= _SCOPES_ABI:
        denied.scopes = _ABSTRACT_SOCKETS_AND_SIGNALS
        known = 3
    return denied, known * ctypes.sizeof(ctypes.c_uint64)


def _abi() -> int:
    try:
        return syscall(_CREATE_RULESET, None, 0, _ABI_QUESTION)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            message = "Landlock is switched off; start the kernel with landlock in its lsm= list"
        else:
            message = f"this kernel has no Landlock ({error}); it needs Linux 5.13 or later"
        raise WallMissing(message) from error


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # not every system has every one of them
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _ON_FILES
        syscall(_ADD_RULE, ruleset, _PATH_BENEATH, _Beneath(rights, descriptor), 0)
    finally:
        os.close(descriptor)
