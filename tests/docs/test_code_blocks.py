from __future__ import annotations

import contextlib
import io
import json
import tomllib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
import pytest

from crm_core.schema import RECORD_TABLES
from plugin_sdk import HOOKS, Manifest, hookspecs
from tests.docs.pages import PARTNER, ROOT, Block, blocks, guide_pages

if TYPE_CHECKING:
    from pathlib import Path

_LANGUAGES = {"", "console", "http", "ini", "json", "markdown", "python", "sql", "text", "toml"}
_KINDS = {"file", "manifest", "not run", "output", "scenario", "signature", ""}
_PAGES = pytest.mark.parametrize(
    "page", [*guide_pages(), ROOT / "README.md"], ids=lambda page: str(page.relative_to(ROOT))
)


def run(block: Block, namespace: dict[str, Any]) -> str:
    """Execute a block in the page's namespace and return what it printed; failures name page and line."""
    printed = io.StringIO()
    # The line numbers of tracebacks are those of the page.
    code = compile("\n" * block.line + block.text, block.where, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)  # noqa: S102 - the page is ours, and running it is the point
    return printed.getvalue()


def contract_problem(namespace: dict[str, Any]) -> str | None:
    """Return what pluggy has against the hooks that a page has defined so far."""
    module = ModuleType("page")
    vars(module).update({name: value for name, value in namespace.items() if name in HOOKS})
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        return str(error)
    return None


@_PAGES
def test_python_blocks_run_in_order_and_print_what_the_page_says(page: Path) -> None:
    namespace: dict[str, Any] = {"__name__": page.stem}
    printed = ""
    for block in blocks(page):
        if block.kind == "output":
            assert printed == block.text, block.where
        if block.language == "python" and block.kind == "":
            printed = run(block, namespace)
            assert contract_problem(namespace) is None, block.where


@_PAGES
def test_manifests_are_those_of_this_core(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "manifest" or block.value.endswith("crm-plugin.toml"):
            Manifest.parse(
                block.text.encode(),
                source=block.where,
                known_hooks=HOOKS.keys(),
                known_record_types=RECORD_TABLES.keys(),
            )


@_PAGES
def test_json_blocks_are_json(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            json.loads(block.text)


@_PAGES
def test_toml_blocks_are_toml(page: Path) -> None:
    for block in blocks(page):
        if block.language == "toml":
            assert tomllib.loads(block.text), block.where


@_PAGES
def test_no_block_escapes_these_tests(page: Path) -> None:
    for block in blocks(page):
        assert block.language in _LANGUAGES, block.where
        assert block.kind in _KINDS, block.where
        if block.kind == "not run":
            assert block.value, f"{block.where}: say why it is not run"
        if block.language == "toml" and page.is_relative_to(PARTNER):
            assert block.kind in {"file", "manifest", "not run"}, f"{block.where}: name the file, or say manifest"


def test_a_block_that_fails_names_its_page_and_line() -> None:
    (first, *_) = blocks(guide_pages()[-1])
    broken = Block(first.page, 41, "python", "x = 1\nraise ValueError(x)\n")

    with pytest.raises(ValueError, match="1") as error:
        run(broken, {})

    assert error.traceback[-1].lineno == 42
    assert str(error.traceback[-1].path).endswith(f"{first.page.name}:41")
