"""The hooks of lead scoring; what they do is in ``service`` and ``scoring``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from crm_lead_scoring.rules import find_problems
from crm_lead_scoring.service import ACTIVITY, evaluate_before_move, evaluate_lead, leads_of, rescore, score_unscored
from plugin_sdk import ConvertPatch, Issue, Job, Patch, Score, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugin_sdk import Context, ConvertPlan, Event, Record, Stage

_NEXT_STEP: Final = {
    "A": "Call today",
    "B": "Call this week",
    "C": "Send information and ask about the need",
    "D": "Find out whether there is a need",
}


@hookimpl
def record_defaults(ctx: Context, draft: Record) -> Patch | None:
    """Give a new lead without a source the source of the settings."""
    default = ctx.settings["default_source"]
    if not default or draft.get("source"):
        return None
    return Patch(values={"source": default})


@hookimpl
def record_committed(ctx: Context, event: Event) -> None:
    """Score a lead again when it, or an activity about it, has changed."""
    if event.record.record_type == ACTIVITY:
        for record_id in leads_of(event):
            rescore(ctx, record_id)
    elif event.name != "lead.stage_entered":  # stage_entered below is called for that one
        rescore(ctx, event.record.id)


@hookimpl
def stage_entered(ctx: Context, event: Event) -> None:
    """Score a lead again when it has entered a stage, which may have points of its own."""
    rescore(ctx, event.record.id)


@hookimpl
def stage_transition(ctx: Context, record: Record, from_stage: Stage | None, to_stage: Stage) -> Sequence[Issue] | None:
    """Keep leads below the minimum out of won stages.

    The score is worked out here and not read from the field: that one follows after the last commit, and a lead that
    has just been completed must not have to wait for it.
    """
    minimum = ctx.settings["minimum_score_to_qualify"]
    if to_stage.category != "won" or not minimum:
        return None
    result = evaluate_before_move(ctx, record, from_stage)
    if result.value >= minimum:
        return None
    message = (
        f"the lead scores {result.value}, stage {to_stage.name} needs {minimum}: complete its data or log what was "
        f"done with it (so far: {', '.join(map(str, result.reasons)) or 'nothing counts'})"
    )
    return [Issue("score_below_minimum", message, "stage_id")]


@hookimpl
def lead_convert(ctx: Context, lead: Record, plan: ConvertPlan) -> ConvertPatch | None:
    """Give the opportunity a next step that fits the lead's grade, unless the caller has set one."""
    if plan.opportunity is None or plan.opportunity.get("next_step"):
        return None
    result = evaluate_lead(ctx, lead)
    step = f"{_NEXT_STEP[result.grade]} (lead score {result.value}, grade {result.grade})"
    return ConvertPatch(opportunity={"next_step": step})


@hookimpl
def score(ctx: Context, record: Record) -> Score:
    """Score a lead on request, with the reasons."""
    result = evaluate_lead(ctx, record)
    return Score("lead_score", result.value, tuple(map(str, result.reasons)))


@hookimpl
def scheduled_jobs() -> Iterable[Job]:
    """Score the leads that were there before the plugin, some at a time."""
    summary = "Score leads that have no score yet."
    return [Job("score_unscored", timedelta(minutes=5), score_unscored, summary)]


@hookimpl
def plugin_enable(ctx: Context, plugin: str) -> Sequence[Issue] | None:
    """Refuse to be enabled with settings that contradict each other."""
    return find_problems(ctx.settings) if plugin == ctx.plugin else None
