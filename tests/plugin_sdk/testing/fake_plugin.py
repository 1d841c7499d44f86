"""A plugin package written to a folder that importlib finds it in, as an installer would leave it there."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = """
[plugin]
id = "{id}"
name = "Sample"
version = "{version}"
summary = "A plugin of these tests"
sdk = ">=0.1,<1"
core = "*"
"""


@dataclass(frozen=True)
class FakePlugin:
    """What to write; ``manifest`` is added to the table every manifest starts with."""

    id: str
    version: str = "1.0.0"
    package_version: str | None = None
    manifest: str = ""
    hooks: str = ""

    @property
    def distribution(self) -> str:
        return f"crm-plugin-{self.id.replace('_', '-')}"

    def write(self, folder: Path) -> Path:
        """Write the package and its metadata; return the package's folder."""
        package = folder / f"crm_{self.id}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "hooks.py").write_text(textwrap.dedent(self.hooks))
        text = MANIFEST.format(id=self.id, version=self.version) + textwrap.dedent(self.manifest)
        (package / "crm-plugin.toml").write_text(text)
        version = self.package_version or self.version
        information = folder / f"{self.distribution.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.distribution}\nVersion: {version}\n")
        (information / "entry_points.txt").write_text(f"[crm.plugins]\n{self.id} = crm_{self.id}.hooks\n")
        return package
