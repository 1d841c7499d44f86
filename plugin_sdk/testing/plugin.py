"""The pytest plugin: a real core for plugin tests. It does nothing in a run that does not use its fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from plugin_sdk.testing.server import CrmServer
    from plugin_sdk.testing.tenant import Crm

_INI = "crm_plugin"
# Of a test that uses the server: the server, and how much it had written before.
_SERVER = pytest.StashKey[tuple["CrmServer", int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the plugin under test."""
    parser.addini(_INI, "the id of the plugin under test; default: the plugin of the project the tests lie in")


@pytest.fixture(scope="session")
def crm_server(request: pytest.FixtureRequest) -> Iterator[CrmServer]:
    """Serve a real core in a database of this run, with the plugin under test and those it requires installed."""
    # Imported where it is used: a run that needs no server pays for none of it.
    from plugin_sdk.testing.installed import with_required  # noqa: PLC0415
    from plugin_sdk.testing.server import CrmServer  # noqa: PLC0415

    plugin = _plugin_of(request.config, request.config.rootpath)
    with CrmServer(with_required(plugin) if plugin else ()) as server:
        yield server


@pytest.fixture
def crm(request: pytest.FixtureRequest, crm_server: CrmServer) -> Iterator[Crm]:
    """Give a fresh tenant with no plugin enabled.

    The plugin under test is that of the attribute ``plugin`` of the test's class, of the setting ``crm_plugin``, or
    of the project the test lies in; whatever an earlier test has uninstalled is installed again.
    """
    from plugin_sdk.testing.installed import with_required  # noqa: PLC0415
    from plugin_sdk.testing.tenant import Crm  # noqa: PLC0415

    request.node.stash[_SERVER] = (crm_server, len(crm_server.output))
    of_class = getattr(request.cls, "plugin", None)
    plugin = of_class if isinstance(of_class, str) else _plugin_of(request.config, request.path.parent)
    if plugin is not None:
        crm_server.install(*with_required(plugin))
    tenant = Crm(crm_server, plugin)
    yield tenant
    tenant.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server wrote during a test that failed."""
    report = yield
    if report.failed and _SERVER in item.stash:
        server, start = item.stash[_SERVER]
        # A server that was restarted has a new output, shorter perhaps than the start in the old one.
        output = server.output
        report.sections.append(("crm server", output[start:] or output))
    return report


def _plugin_of(config: pytest.Config, folder: Path) -> str | None:
    """Return the plugin under test for tests in a folder, None where there is none."""
    from plugin_sdk.testing.installed import plugin_of_project, project_folders  # noqa: PLC0415

    named = str(config.getini(_INI) or "")
    if named:
        return named
    found = (plugin_of_project(project) for project in project_folders(folder, config.rootpath))
    return next((plugin for plugin in found if plugin is not None), None)
