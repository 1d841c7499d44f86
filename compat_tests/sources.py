"""From what a person writes to wheels: a path, a folder, an archived version, or a name on the package index."""

from __future__ import annotations

import re
import shutil
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from compat_tests.errors import EnvironmentFailure, SourceError
from compat_tests.releases import ARCHIVE, CONSTRAINTS, release_folder, versions
from compat_tests.scenario import load_folder
from compat_tests.wheels import CORE, SDK, newest, normal, read_wheel

if TYPE_CHECKING:
    from compat_tests.installers import Installer
    from compat_tests.scenario import Scenario
    from compat_tests.wheels import Wheel

__all__ = ["CoreSource", "PluginSource", "Sources"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BUILT_PARTS: Final = 2


@dataclass(frozen=True, slots=True)
class CoreSource:
    """A core with the SDK of its own, and the third-party versions it was released with, if they are known."""

    label: str
    core: Wheel
    sdk: Wheel
    constraints: Path | None


@dataclass(frozen=True, slots=True)
class PluginSource:
    """A plugin: its wheel, and the project its tests and scenarios come from, if there is one."""

    id: str
    wheel: Wheel
    project: Path | None

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Read its scenarios."""
        return load_folder(self.project / "scenarios") if self.project else ()

    @property
    def has_tests(self) -> bool:
        """Say whether there is a file that could hold a test."""
        return self.project is not None and any((self.project / "tests").rglob("test_*.py"))


class Sources:
    """Finds and, where needed, builds or downloads; everything it makes goes below ``work``."""

    def __init__(self, installer: Installer, work: Path, *, archive: Path = ARCHIVE) -> None:
        self._installer = installer
        self._work = work
        self._archive = archive
        self._log = work / "sources.log"

    def core(self, text: str) -> CoreSource:
        """Return the core that a path, a folder, an archived version or a requirement names."""
        path = Path(text)
        if path.suffix == ".whl":
            return self._core_of(path.parent, read_wheel(path))
        if path.is_dir():
            return self._core_of(path, None)
        if text in versions(self._archive):
            return self._core_of(release_folder(text, self._archive), None)
        if not normal(text).startswith(CORE):
            known = ", ".join(versions(self._archive)) or "none yet"
            raise SourceError(
                f"{text}: no wheel, no folder of wheels, no archived version ({known}); "
                f"an index is asked for {CORE}==VERSION"
            )
        folder = self._folder(text)
        self._installer.download(text, folder, self._log)
        core = newest([read_wheel(path) for path in folder.glob("*.whl")])
        sdk = next((one for one in core.requirements if one.name == SDK and one.extra is None), None)
        self._installer.download(f"{SDK}{sdk.range if sdk else ''}", folder, self._log)
        return self._core_of(folder, core)

    def plugin(self, text: str) -> PluginSource:
        """Return the plugin that a path, a folder, a name below plugins/ or a requirement names."""
        path = Path(text)
        if path.suffix == ".whl":
            return self._plugin_of(read_wheel(path), self._unpacked(path))
        for folder in (path, Path("plugins") / text):
            if (folder / "pyproject.toml").is_file():
                return self._plugin_of(self._built(folder), folder.resolve())
        if path.is_dir():
            wheels = [wheel for wheel in map(read_wheel, sorted(path.glob("*.whl"))) if wheel.manifest]
            if not wheels:
                raise SourceError(f"{path}: neither a plugin's source folder (pyproject.toml) nor a folder of wheels")
            wheel = newest(wheels)
            return self._plugin_of(wheel, self._unpacked(wheel.path))
        return self._plugin_from_index(text)

    def _core_of(self, folder: Path, core: Wheel | None) -> CoreSource:
        wheels = [read_wheel(path) for path in sorted(folder.glob("*.whl"))]
        cores = [wheel for wheel in wheels if wheel.name == CORE]
        if core is None and not cores:
            raise SourceError(f"{folder}: there is no wheel of {CORE}")
        chosen = core or newest(cores)
        if chosen.name != CORE:
            raise SourceError(f"{chosen.path}: this is {chosen.name}, not {CORE}")
        sdks = [wheel for wheel in wheels if wheel.name == SDK]
        if not sdks:
            raise SourceError(
                f"{folder}: the wheel of {SDK} that belongs to {CORE} {chosen.version} must lie beside it"
            )
        sdk = next((wheel for wheel in sdks if wheel.version == chosen.version), newest(sdks))
        constraints = folder / CONSTRAINTS
        return CoreSource(
            f"{chosen.version} ({chosen.sha256[:8]})",
            chosen,
            sdk,
            constraints.resolve() if constraints.is_file() else None,
        )

    def _plugin_of(self, wheel: Wheel, project: Path | None) -> PluginSource:
        if wheel.manifest is None:
            raise SourceError(f"{wheel.path}: not a plugin: the wheel has no crm-plugin.toml")
        return PluginSource(wheel.manifest.id, wheel, project)

    def _built(self, folder: Path) -> Wheel:
        """Build the wheel from a copy, so that nothing is written beside the source."""
        copy = self._folder(f"source-{folder.resolve().name}")
        shutil.copytree(folder, copy / "source", ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "build"))
        self._installer.build(copy / "source", copy / "dist", self._log)
        return newest([read_wheel(path) for path in (copy / "dist").glob("*.whl")])

    def _unpacked(self, wheel: Path) -> Path | None:
        """Return the project of the source distribution beside a wheel."""
        name = "-".join(wheel.name.split("-")[:_BUILT_PARTS])
        sdist = wheel.with_name(f"{name}.tar.gz")
        if not sdist.is_file():
            return None
        folder = self._folder(f"sdist-{name}")
        _unpack(sdist, folder)
        return next((path for path in sorted(folder.iterdir()) if path.is_dir()), None)

    def _plugin_from_index(self, text: str) -> PluginSource:
        if not _NAME.match(text):
            raise SourceError(f"{text}: no wheel, no folder and no name of a package")
        requirement = text if normal(text).startswith("crm-") else f"crm-plugin-{text.replace('_', '-')}"
        folder = self._folder(text)
        self._installer.download(requirement, folder, self._log)
        wheel = newest([read_wheel(path) for path in folder.glob("*.whl")])
        with suppress(EnvironmentFailure):  # not everybody publishes sources; without them there are no tests to run
            self._installer.download(f"{wheel.name}=={wheel.version}", folder, self._log, source=True)
        return self._plugin_of(wheel, self._unpacked(wheel.path))

    def _folder(self, text: str) -> Path:
        folder = self._work / "sources" / re.sub(r"[^A-Za-z0-9._-]+", "-", text)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def _unpack(sdist: Path, folder: Path) -> None:
    """Unpack a source distribution; nothing in it may land outside the folder or be anything but a file."""
    with tarfile.open(sdist) as archive:
        # The filter came with Python 3.11.4; on an older one this attribute means nothing, so we look ourselves.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        for member in archive.getmembers():
            inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
            if not inside or not (member.isfile() or member.isdir()):
                raise SourceError(f"{sdist.name}: {member.name} is no plain file inside it; build the package again")
        archive.extractall(folder)  # noqa: S202 - every member has been looked at
