from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING, Any

import pytest

import crm_core.records.create
import plugin_sdk
from crm_core import __version__
from crm_core.errors import PluginError
from crm_core.plugin_host.install import install
from crm_core.plugin_host.memory import Memory, Patched, untouched
from crm_core.records import create
from crm_core.records.scope import Scope
from tests.support.app import run, running

if TYPE_CHECKING:
    from tests.support.plugins import MakePlugin

_CASES: dict[str, tuple[str, Any]] = {
    "crm_core.records.create.create was replaced": (
        "import crm_core.records.create as m\nm.create = print",
        lambda: create.create.__name__ == "create",
    ),
    "plugin_sdk.len was added": ("import plugin_sdk\nplugin_sdk.len = print", lambda: not hasattr(plugin_sdk, "len")),
    "the code of crm_core.records.create.create was replaced": (
        "import crm_core.records.create as m\nm.create.__code__ = (lambda *a, **k: None).__code__",
        lambda: create.create.__code__.co_name == "create",
    ),
    "the defaults of crm_core.db.migrate.migrate_plugin were replaced": (
        "from crm_core.db.migrate import migrate_plugin as f\nf.__defaults__ = ('base',)",
        None,
    ),
    "crm_core.records.scope.Scope.tenant_id was replaced": (
        "from crm_core.records.scope import Scope\nScope.tenant_id = property(lambda self: None)",
        lambda: Scope.tenant_id.fget.__qualname__ == "Scope.tenant_id",  # type: ignore[attr-defined]
    ),
    "crm_core.actors.Actor.__getattribute__ was added": (
        "from crm_core.actors import Actor as A\nA.__getattribute__ = lambda s, name: object.__getattribute__(s, name)",
        None,
    ),
    "the bases of crm_core.errors.RecordNotFound were replaced": (
        "from crm_core.errors import InvalidInput, RecordNotFound\nRecordNotFound.__bases__ = (InvalidInput,)",
        None,
    ),
    "the module crm_core.actors was replaced": (
        "import sys, types\nsys.modules['crm_core.actors'] = types.ModuleType('crm_core.actors')",
        lambda: hasattr(sys.modules["crm_core.actors"], "Actor"),
    ),
    "the class of the module crm_core.actors was replaced": (
        "import sys, types\nclass M(types.ModuleType): pass\nsys.modules['crm_core.actors'].__class__ = M",
        lambda: type(sys.modules["crm_core.actors"]) is type(sys),
    ),
    "builtins.open was replaced": ("import builtins\nbuiltins.open = print", lambda: open.__name__ == "open"),
}


@pytest.mark.parametrize(("told", "case"), _CASES.items(), ids=[told.split()[-3] for told in _CASES])
def test_a_plugin_that_patches_the_core_is_refused_and_undone(
    sqlite_url: str, make_plugin: MakePlugin, told: str, case: tuple[str, Any]
) -> None:
    code, undone = case
    before = Memory()
    patching = make_plugin("patching", code)
    for _ in range(2):  # its code runs each time: a patch must not slip through because it was imported before
        with pytest.raises(PluginError) as caught:
            install(sqlite_url, [patching], "patching", core_version=__version__, actor="tester")
        assert str(caught.value).startswith(f"patching@1.0.0: its code changes the core in memory ({told}")
        assert str(caught.value).endswith("a plugin changes what the core does by its hooks only")
        assert undone is None or undone()
        assert before.restore() == []


def test_a_patch_of_a_plugin_that_fails_is_undone_too(sqlite_url: str, make_plugin: MakePlugin) -> None:
    before = create.create
    failing = make_plugin("failing", "import crm_core.records.create as m\nm.create = print\nraise OSError('no')")
    with pytest.raises(PluginError, match="cannot be loaded: OSError: no"):
        install(sqlite_url, [failing], "failing", core_version=__version__, actor="tester")
    assert create.create is before


def test_a_plugin_that_patches_when_it_is_enabled_fails_that_operation(
    database_url: str, make_plugin: MakePlugin
) -> None:
    late = make_plugin(
        "late",
        """
        from plugin_sdk import hookimpl
        @hookimpl
        def plugin_enabled(ctx):
            import crm_core.records.create as m
            m.create = print
        """,
        "[hooks.plugin_enabled]",
    )

    async def scenario() -> None:
        async with running(database_url, plugins=[late]):
            raise AssertionError  # enabling it is part of starting

    before = create.create
    with pytest.raises(PluginError, match=r"late@1\.0\.0: its code changes the core in memory \(crm_core\.records"):
        run(scenario())
    assert create.create is before


def test_constants_that_are_changed_in_place_are_brought_back(monkeypatch: pytest.MonkeyPatch) -> None:
    table, names, chosen = {"a": 1}, [1, 2], {"x"}
    monkeypatch.setattr(crm_core.records.create, "TABLE", table, raising=False)
    monkeypatch.setattr(crm_core.records.create, "_NAMES", names, raising=False)
    monkeypatch.setattr(crm_core.records.create, "CHOSEN", chosen, raising=False)
    monkeypatch.setattr(crm_core.records.create, "_cache", {}, raising=False)

    def change() -> None:
        with untouched():
            table["a"] = 2
            names.append(3)
            chosen.clear()
            crm_core.records.create._cache[1] = 1  # type: ignore[attr-defined]  # noqa: SLF001 - of this test

    with pytest.raises(Patched) as caught:
        change()
    assert (table, names, chosen) == ({"a": 1}, [1, 2], {"x"})
    assert caught.value.changes == (
        "what crm_core.records.create.CHOSEN holds was changed",
        "what crm_core.records.create.TABLE holds was changed",
        "what crm_core.records.create._NAMES holds was changed",
    )


class _Own:
    """Stands for a class of the core."""


def test_what_python_and_libraries_do_by_themselves_is_no_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Own, "__module__", create.__name__)
    monkeypatch.setattr(create, "_Own", _Own, raising=False)
    with untouched():
        import plugin_sdk.ids  # noqa: PLC0415 - imported while it is watched

        plugin_sdk.ids.new_id()
        copy.copy(_Own())
        _Own._remembered_by_a_library = 1  # type: ignore[attr-defined]  # noqa: SLF001 - as a library would
    assert vars(_Own).keys() >= {"_remembered_by_a_library", "__slotnames__"}
