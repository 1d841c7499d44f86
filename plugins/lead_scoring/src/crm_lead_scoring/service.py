"""Scores with the core's help: read what counts, evaluate, store what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crm_lead_scoring.rules import read_rules
from crm_lead_scoring.scoring import evaluate
from crm_lead_scoring.signals import read_signals
from plugin_sdk import NotFound

if TYPE_CHECKING:
    from uuid import UUID

    from crm_lead_scoring.rules import Rules
    from crm_lead_scoring.scoring import Result
    from plugin_sdk import Context, Event, Record, Stage

LEAD: Final = "lead"
ACTIVITY: Final = "activity"
# A job is one transaction, so each run takes few enough leads not to keep other writers waiting.
UNSCORED_PER_RUN: Final = 200


def evaluate_lead(ctx: Context, lead: Record) -> Result:
    """Return the score of a lead as the given record has it; raise SettingError where the settings cannot be read."""
    rules = read_rules(ctx.settings)
    return _evaluate(ctx, lead, rules, _stage_key(ctx, lead, rules))


def evaluate_before_move(ctx: Context, lead: Record, from_stage: Stage | None) -> Result:
    """Return the score of a lead that is about to leave a stage; what it would get in the next one does not count."""
    return _evaluate(ctx, lead, read_rules(ctx.settings), from_stage.key if from_stage else None)


def rescore(ctx: Context, lead_id: UUID) -> None:
    """Score a lead as it stands now; a record that is no lead, or a deleted one, is left alone.

    Events may arrive late, twice or in another order: whatever arrives last sees the lead as it is, so the stored score
    ends up right.
    """
    try:
        lead = ctx.api.get(LEAD, lead_id)
    except NotFound:
        return
    store(ctx, lead_id, evaluate_lead(ctx, lead))


def store(ctx: Context, lead_id: UUID, result: Result) -> None:
    """Store a score, unless it is stored already: a write that changes nothing would only fill the audit trail."""
    values = {"score": result.value, "grade": result.grade, "reasons": result.explanation}
    stored = ctx.fields.get(LEAD, [lead_id]).get(lead_id, {})
    if any(stored.get(key) != value for key, value in values.items()):
        ctx.fields.set(LEAD, lead_id, values)


def score_unscored(ctx: Context) -> None:
    """Score some of the leads that have no score yet, which are those from before the plugin was enabled."""
    page = ctx.api.list(LEAD, {"lead_scoring.score[empty]": "true"}, limit=UNSCORED_PER_RUN)
    for lead in page.records:
        store(ctx, lead.id, evaluate_lead(ctx, lead))
    if page.records:
        ctx.log.info("scored %d leads that had no score", len(page.records))


def leads_of(event: Event) -> list[UUID]:
    """Return the records an activity is about, and was about before: they may be leads."""
    before, after = event.changes.get("regarding_id", (None, None))
    about = (event.record.get("regarding_id"), before, after)
    return list(dict.fromkeys(each for each in about if each is not None))


def _evaluate(ctx: Context, lead: Record, rules: Rules, stage: str | None) -> Result:
    activities = _count_activities(ctx, lead.id, rules)
    return evaluate(read_signals(lead.values, rules, stage=stage, activities=activities), rules)


def _stage_key(ctx: Context, lead: Record, rules: Rules) -> str | None:
    if not rules.stage_points or lead.get("stage_id") is None:
        return None
    return str(ctx.api.get("stage", lead["stage_id"])["stage_key"])


def _count_activities(ctx: Context, lead_id: UUID, rules: Rules) -> int:
    """Count activities up to the limit: what is beyond it changes nothing."""
    if not rules.activity or not rules.activity_limit:
        return 0
    return len(ctx.api.list(ACTIVITY, {"regarding_id": str(lead_id)}, limit=rules.activity_limit).records)
