from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT, every_page, prose

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_OUTSIDE = re.compile(r"[a-z]+:")


def links(page: Path) -> list[str]:
    """List the targets of a page's links that lie inside the repository."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return [found["target"] for found in _LINK.finditer(text) if not _OUTSIDE.match(found["target"])]


def anchors(page: Path) -> set[str]:
    """List the anchors that a page's headings get."""
    headings = re.findall(r"^#+ +(.+?)\s*$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def problem(page: Path, target: str) -> str | None:
    """Return what is wrong with a link, None if it leads somewhere."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"{page.relative_to(ROOT)}: {target}: there is no such file"
    if not file.is_relative_to(ROOT):
        return f"{page.relative_to(ROOT)}: {target}: leads out of the repository"
    if anchor and anchor not in anchors(file):
        return f"{page.relative_to(ROOT)}: {target}: the page has no such heading"
    return None


def test_there_are_pages_with_links_to_check() -> None:
    assert sum(len(links(page)) for page in every_page()) > 40


@pytest.mark.parametrize("page", every_page(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    assert [found for target in links(page) if (found := problem(page, target))] == []


def test_the_readme_leads_to_every_guide() -> None:
    targets = {target.partition("#")[0] for target in links(ROOT / "README.md")}

    assert {"plugin_sdk/docs/README.md", "crm_core/docs/README.md", "compat_tests/README.md"} <= targets


@pytest.mark.parametrize("guide", ["plugin_sdk/docs", "crm_core/docs"])
def test_a_guides_contents_lead_to_every_one_of_its_pages(guide: str) -> None:
    contents = ROOT / guide / "README.md"

    assert {page.name for page in contents.parent.glob("*.md")} - {"README.md"} <= set(links(contents))
