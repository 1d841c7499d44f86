"""The wall "capabilities": nothing of what root may do beyond its own files is left, now or later."""

from __future__ import annotations

import ctypes
import errno

from crm_core.isolation.confinement.kernel import prctl, syscall
from crm_core.isolation.confinement.report import WallMissing
from crm_core.isolation.confinement.syscalls import MACHINES

CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID = 0, 5, 6, 7

_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPGET = dict(zip(MACHINES, (125, 90), strict=True))
_CAPSET = dict(zip(MACHINES, (126, 91), strict=True))
_VERSION_3 = 0x20080522
_LAST = 63


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def effective(machine: str) -> int:
    """Return the capabilities in effect, one bit each."""
    words = _get(machine)
    return int(words[0].effective | words[1].effective << 32)


def lower_bounds() -> None:
    """Give up what a later program could get; this needs a capability itself, so it comes before the uid changes."""
    for capability in range(_LAST + 1):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno == errno.EINVAL:  # past the last one this kernel knows
                break
            if error.errno == errno.EPERM:  # an ordinary user: has none, and gets none with no_new_privs
                break
            raise


def build(machine: str) -> None:
    """Give up all capabilities this process has, and see that none is left."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    syscall(_CAPSET[machine], _Header(_VERSION_3, 0), (_Words * 2)())
    left = [bits for words in _get(machine) for bits in (words.effective, words.permitted, words.inheritable)]
    if any(left):
        message = f"the kernel left capabilities {left} in place after all were given up"
        raise WallMissing(message)


def _get(machine: str) -> ctypes.Array[_Words]:
    words = (_Words * 2)()
    syscall(_CAPGET[machine], _Header(_VERSION_3, 0), words)
    return words
