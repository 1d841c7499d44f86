"""The command line as a user meets it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def crm(*arguments: str, code: int = 0, **environment: str) -> str:
    """Run a command that must end with a code; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "crm_core.cli", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stdout + done.stderr
