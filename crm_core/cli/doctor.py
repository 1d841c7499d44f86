"""``crm doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import ExitCode, fail, show
from crm_core.cli.session import AsJson, Database, operator, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crm_core.plugin_host.fingerprint import Comparison
    from crm_core.plugins.doctor import Finding


def doctor(
    fingerprint: Annotated[
        bool, typer.Option("--fingerprint", help="Compare catalogs and code with the last step that may change them.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Keep the fingerprints as they are now: all of it is as it should be.")
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Tell which walls between plugins and the core stand here, and what is out of order (then it ends with 1)."""
    from crm_core.errors import CrmError
    from crm_core.plugin_host.fingerprint import keep_all
    from crm_core.plugins.doctor import compared, examine, fingerprint_findings

    settings = settings_for(database)
    findings = examine(settings)
    comparisons: list[Comparison] = []
    if fingerprint or accept:
        try:
            if accept:
                keep_all(settings.database_url, operator())
            comparisons = compared(settings.database_url)
        except CrmError as error:
            fail(error.message)
        findings += fingerprint_findings(comparisons)
    show(_for_programs(findings, comparisons), _for_people(findings, comparisons), as_json=as_json)
    if any(finding.failed for finding in findings):
        raise typer.Exit(ExitCode.FOUND)


def _for_programs(findings: Iterable[Finding], comparisons: Iterable[Comparison]) -> dict[str, Any]:
    checks = [
        {
            "section": each.section,
            "check": each.check,
            "status": each.status.value,
            "required": each.required,
            "sentence": each.sentence,
        }
        for each in findings
    ]
    prints = [
        {
            "scope": each.scope,
            "digest": each.digest,
            "kept": each.kept.digest if each.kept else None,
            "taken_at": each.kept.taken_at if each.kept else None,
            "taken_by": each.kept.taken_by if each.kept else None,
            "added": each.added,
            "removed": each.removed,
        }
        for each in comparisons
    ]
    return {"checks": checks, "fingerprints": prints}


def _for_people(findings: Iterable[Finding], comparisons: Iterable[Comparison]) -> str:
    lines: list[str] = []
    section = None
    differing = {each.scope: each for each in comparisons if each.changed}
    for each in findings:
        if each.section != section:
            section = each.section
            lines.append(section)
        lines.append(f"  {each.status.value:8} {each.check}: {each.sentence}")
        if section == "fingerprint" and each.check in differing:
            lines += [f"           - {line}" for line in differing[each.check].removed]
            lines += [f"           + {line}" for line in differing[each.check].added]
    return "\n".join(lines)
