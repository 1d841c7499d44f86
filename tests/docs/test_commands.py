from __future__ import annotations

import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import typer

from crm_core.cli.commands import app
from tests.docs.pages import ROOT, Block, blocks, guide_pages

if TYPE_CHECKING:
    from pathlib import Path

_SHELL = {"console", "sh", "bash"}


@cache
def tree() -> Any:
    """Return the real command tree; nothing of it is run."""
    return typer.main.get_command(app)


def command_lines(page: Path) -> list[tuple[Block, list[str]]]:
    """Find every ``crm …`` in the shell blocks of a page, split into words."""
    found = []
    for block in blocks(page):
        text = block.text.replace("\\\n", " ") if block.language in _SHELL else ""
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["crm"]:
                stop = next((at for at, word in enumerate(words) if word in {"|", ">", "&&", "&"}), len(words))
                found.append((block, words[1:stop]))
    return found


def problems(words: list[str]) -> list[str]:
    """Return what the command tree does not know of a command line, which is parsed and not run."""
    context = tree().make_context("crm", [], resilient_parsing=True)
    command, rest = tree(), list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0].startswith("-"):
            return [] if rest == ["--help"] else [f"{context.command_path}: name one of its commands"]
        if rest[0] not in command.commands:
            return [f"{context.command_path} has no command {rest[0]}"]
        command = command.commands[rest[0]]
        context = command.make_context(rest.pop(0), [], parent=context, resilient_parsing=True)
    context.resilient_parsing = False
    # The parser alone: it knows options and arguments, and does not ask whether files exist.
    parser = command.make_parser(context)
    try:
        given, left, _ = parser.parse_args(rest)
    except Exception as error:  # noqa: BLE001 - every kind of usage error is a finding
        return [f"{context.command_path}: {getattr(error, 'message', error)}"]
    missing = [one.name for one in command.params if one.required and given.get(one.name) in (None, ())]
    found = [f"{context.command_path}: {name} is missing" for name in missing]
    return found + [f"{context.command_path}: {word} is one word too many" for word in left]


@pytest.mark.parametrize("page", [*guide_pages(), ROOT / "README.md"], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    wrong = [f"{block.where}: {text}" for block, words in command_lines(page) for text in problems(words)]

    assert wrong == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("plugin install loyalty", []),
        ("plugin install", ["crm plugin install: name is missing"]),
        ("plugin instal loyalty", ["crm plugin has no command instal"]),
        ("plugin", ["crm plugin: name one of its commands"]),
        ("plugin enable loyalty --set a=b", ["crm plugin enable: tenant is missing"]),
        ("audit seal now", ["crm audit seal: now is one word too many"]),
    ],
)
def test_a_wrong_command_is_found(line: str, found: list[str]) -> None:
    assert problems(line.split()) == found


def test_a_wrong_option_is_found() -> None:
    assert "--tenat" in problems(["plugin", "enable", "loyalty", "--tenat", "main"])[0]
