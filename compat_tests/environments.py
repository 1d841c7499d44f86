"""The environment of a cell: third-party packages shared by what they are, everything under test installed afresh.

A cell's environment holds the wheels of one core, its SDK and the plugins, and nothing else of its own. Third-party
packages come from a folder that is named by the hash of its exact versions, made once and added to the end of the
path, so that a run pays for their installation and their bytecode once and never gets a stale one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compat_tests.errors import EnvironmentFailure
from compat_tests.tools import clean_environment
from compat_tests.wheels import SDK, normal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compat_tests.installers import Installer
    from compat_tests.sources import CoreSource, PluginSource
    from compat_tests.wheels import Wheel

__all__ = ["Environments", "Prepared", "requirements_of", "without_hashes"]

_TEST_EXTRAS: Final = frozenset({"test", "tests", "testing"})
_CACHE: Final = "CRM_COMPAT_CACHE"
_PROBE: Final = (
    "import json, sys, crm_core, plugin_sdk; "
    "json.dump({'core': crm_core.__file__, 'sdk': plugin_sdk.__file__, 'python': sys.version.split()[0]}, sys.stdout)"
)
_PROBE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that is ready."""

    interpreter: Path
    folder: Path
    python: str


class Environments:
    """Makes the environments of one run."""

    def __init__(
        self, installer: Installer, *, python: str, constraints: Path | None = None, cache: Path | None = None
    ) -> None:
        self._installer = installer
        self._python = python
        self._constraints = constraints
        self._cache = cache or default_cache()
        self._lock = threading.Lock()
        self._locked: dict[str, str] = {}

    def prepare(self, core: CoreSource, plugins: Sequence[PluginSource], folder: Path, log: Path) -> Prepared:
        """Make a cell's environment at ``folder`` from nothing; raise EnvironmentFailure where that does not work."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        third_party = self._third_party(core, plugins, log)
        interpreter = self._installer.environment(folder, self._python, log)
        wheels = [core.core.path, core.sdk.path, *(plugin.wheel.path for plugin in plugins)]
        self._installer.wheels(interpreter, wheels, log)
        packages = _packages_of(folder)
        (packages / "_third_party.pth").write_text(f"{third_party}\n", "utf-8")
        return self._probe(interpreter, folder, log)

    def _third_party(self, core: CoreSource, plugins: Sequence[PluginSource], log: Path) -> Path:
        wanted = requirements_of([core.core, core.sdk, *(plugin.wheel for plugin in plugins)])
        constraints = self._constraints or core.constraints
        with self._lock:  # two cells of a run usually want the same
            lock = self._resolved(wanted, constraints, log)
            key = hashlib.sha256(f"{self._installer.name}\n{self._python}\n{lock}".encode()).hexdigest()[:20]
            folder = self._cache / "third-party" / key
            if not folder.is_dir():
                self._install(lock, folder, log)
            return folder

    def _resolved(self, wanted: Sequence[str], constraints: Path | None, log: Path) -> str:
        """Return exact versions, resolved once per run for the same wishes."""
        limits = without_hashes(constraints.read_text("utf-8")) if constraints else ""
        key = "\n".join([*wanted, limits])
        if key not in self._locked:
            with tempfile.TemporaryDirectory(prefix="crm-compat-") as name:
                requirements, file = Path(name, "requirements.in"), Path(name, "constraints.txt")
                requirements.write_text("\n".join(wanted) + "\n", "utf-8")
                file.write_text(limits, "utf-8")
                self._locked[key] = self._installer.lock(requirements, file, self._python, log)
        return self._locked[key]

    def _install(self, lock: str, folder: Path, log: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
            file = Path(name, "lock.txt")
            file.write_text(lock, "utf-8")
            self._installer.into_folder(file, self._python, Path(name, "packages"), log)
            try:
                Path(name, "packages").rename(folder)
            except OSError:
                if not folder.is_dir():  # another run was quicker; what it made is the same
                    raise

    def _probe(self, interpreter: Path, folder: Path, log: Path) -> Prepared:
        """Import core and SDK, and refuse the cell if either comes from anywhere but the cell."""
        try:
            done = subprocess.run(  # noqa: S603 - the line is our own
                [str(interpreter), "-P", "-c", _PROBE],
                env=clean_environment(),
                cwd=folder.parent,
                capture_output=True,
                text=True,
                timeout=_PROBE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFailure(f"importing core and SDK took more than {_PROBE_SECONDS:g} s") from error
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ import core and SDK\n{done.stdout}{done.stderr}\n\n")
        if done.returncode != 0:
            # The core's own fault, or a third-party version that does not fit it: in both cases no plugin's.
            reason = (done.stderr.splitlines() or ["it wrote nothing"])[-1]
            raise EnvironmentFailure(f"core and SDK cannot be imported: {reason}")
        found: Mapping[str, str] = json.loads(done.stdout)
        for name in ("core", "sdk"):
            if not Path(found[name]).resolve().is_relative_to(folder.resolve()):
                raise EnvironmentFailure(
                    f"the {name} was imported from {found[name]}, which is not in the cell {folder}"
                )
        return Prepared(interpreter, folder, found["python"])


def requirements_of(wheels: Sequence[Wheel]) -> list[str]:
    """Return what wheels require of others, with the extras that tests need; the wheels themselves are left out."""
    own = {wheel.name: wheel for wheel in wheels}
    extras: dict[str, set[str]] = {name: set(_TEST_EXTRAS) for name in own}
    extras[SDK] = {"testing"}
    for wheel in wheels:
        for one in wheel.requirements:
            if one.name in own and (one.extra is None or one.extra in extras[wheel.name]):
                extras[one.name] |= set(one.extras)
    return sorted(
        {
            one.text
            for wheel in wheels
            for one in wheel.requirements
            if normal(one.name) not in own and (one.extra is None or one.extra in extras[wheel.name])
        }
    )


def default_cache() -> Path:
    """Return where third-party packages stay from run to run."""
    given = os.environ.get(_CACHE)
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crm-compat"


def without_hashes(constraints: str) -> str:
    """Return constraints without hashes: those are of files, and an index may offer other files of a version."""
    joined = re.sub(r"\\\n", " ", constraints)
    lines = (re.sub(r"\s+--hash=\S+", "", line).rstrip() for line in joined.splitlines())
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("#")) + "\n"


def _packages_of(folder: Path) -> Path:
    found = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    if len(found) != 1:
        raise EnvironmentFailure(f"{folder}: {len(found)} folders of packages, one is expected")
    return found[0]
