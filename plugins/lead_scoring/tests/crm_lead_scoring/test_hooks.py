from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugin_sdk.testing.client import UnexpectedAnswer

if TYPE_CHECKING:
    from plugin_sdk.testing.tenant import Crm

ADA = {
    "name": "Ada Lovelace",
    "email": "ada@engine.example",
    "phone": "+44 20 1234567",
    "company": "Engine Ltd",
    "website": "https://engine.example",
    "title": "Chief Engineer",
    "source": "referral",
}
NOTHING = {"score": None, "grade": None, "reasons": None}


def scored(crm: Crm, lead_id: str) -> dict[str, Any]:
    """Return the plugin's fields of a lead once everything committed has been delivered."""
    crm.relay()
    fields: dict[str, Any] = crm.client.read("leads", lead_id)["plugins"]["lead_scoring"]
    return fields


def issues_of(crm: Crm, status: int, path: str, body: object) -> list[dict[str, Any]]:
    """Return the issues of a request that is refused."""
    found: list[dict[str, Any]] = crm.client.expect(status, "POST", path, json=body)["issues"]
    return found


def stage(crm: Crm, category: str) -> dict[str, Any]:
    """Return the first stage of that category of the pipeline for leads."""
    pipeline = crm.client.list("pipelines", record_type="lead")[0]
    return crm.client.list("stages", pipeline_id=pipeline["id"], category=category, sort="position")[0]


def test_a_new_lead_gets_score_grade_and_reasons(crm: Crm) -> None:
    crm.enable()
    lead = crm.client.create("leads", **ADA)

    assert crm.client.read("leads", lead["id"])["plugins"]["lead_scoring"] == NOTHING
    assert scored(crm, lead["id"]) == {
        "score": 90,
        "grade": "A",
        "reasons": "+20 e-mail address at a company's own domain\n+10 phone number known\n+10 company known\n"
        "+10 website known\n+15 title contains chief\n+25 source is referral",
    }


def test_a_changed_lead_is_scored_again(crm: Crm) -> None:
    crm.enable()
    lead = crm.client.create("leads", name="Bob", email="bob@gmail.com")

    assert scored(crm, lead["id"]) == {"score": 0, "grade": "D", "reasons": ""}
    crm.client.update("leads", lead["id"], company="Bob's Bikes", phone="+1 555 1234567", source="partner")
    assert scored(crm, lead["id"]) == {
        "score": 35,
        "grade": "C",
        "reasons": "+10 phone number known\n+10 company known\n+15 source is partner",
    }


def test_activities_count_for_the_lead_they_are_about_up_to_the_limit(crm: Crm) -> None:
    crm.enable(activity_limit=2)
    one, other = (crm.client.create("leads", name=name)["id"] for name in ("One", "Other"))
    activities = [
        crm.client.create("activities", kind="call", subject=f"Call {number}", regarding_id=one)["id"]
        for number in range(3)
    ]

    assert scored(crm, one)["score"] == 10
    assert scored(crm, one)["reasons"] == "+10 2 activities"
    for activity in activities[:2]:
        crm.client.update("activities", activity, regarding_id=other)
    assert scored(crm, one)["reasons"] == "+5 1 activity"
    assert scored(crm, other)["reasons"] == "+10 2 activities"


def test_an_activity_about_something_else_is_no_concern(crm: Crm) -> None:
    crm.enable()
    account = crm.client.create("accounts", name="Acme")

    activity = crm.client.create("activities", kind="call", subject="Call", regarding_id=account["id"])
    crm.relay()

    assert crm.client.read("activities", activity["id"])["version"] == 1


def test_a_score_that_stays_the_same_is_not_written_again(crm: Crm) -> None:
    crm.enable()
    lead = crm.client.create("leads", **ADA)
    scored(crm, lead["id"])
    before = [event for event in crm.audit(lead["id"]) if event["action"] == "set_fields"]

    crm.client.update("leads", lead["id"], description="Wrote the first program")

    assert scored(crm, lead["id"])["score"] == 90
    assert len(before) == 1
    assert [event for event in crm.audit(lead["id"]) if event["action"] == "set_fields"] == before


def test_scoring_leaves_the_lead_and_its_version_alone(crm: Crm) -> None:
    crm.enable()
    lead = crm.client.create("leads", **ADA)
    scored(crm, lead["id"])
    after = crm.client.read("leads", lead["id"])

    assert {**after, "plugins": None} == {**lead, "plugins": None}


def test_leads_are_found_and_sorted_by_grade_and_score(crm: Crm) -> None:
    crm.enable()
    best = crm.client.create("leads", **ADA)["id"]
    good = crm.client.create("leads", **{**ADA, "name": "Charles Babbage", "source": None})["id"]
    crm.client.create("leads", name="Nobody")
    crm.relay()

    found = crm.client.list("leads", **{"lead_scoring.score[gte]": 50, "sort": "-lead_scoring.score"})

    assert [lead["id"] for lead in found] == [best, good]
    assert [lead["id"] for lead in crm.client.list("leads", **{"lead_scoring.grade": "A"})] == [best]


def test_nobody_else_can_write_a_score(crm: Crm) -> None:
    crm.enable()

    answer = crm.client.post("leads", json={"name": "Eve", "plugins": {"lead_scoring": {"score": 100}}})

    assert answer.status == 422
    assert "plugins.lead_scoring.score" in answer.json["detail"]


def test_a_score_can_be_asked_for_at_once(crm: Crm) -> None:
    crm.enable()
    lead = crm.client.create("leads", name="Bob", company="Bob's Bikes")

    answer = crm.client.expect(200, "POST", f"leads/{lead['id']}/score")

    assert answer["scores"] == [
        {"plugin": "lead_scoring", "name": "lead_score", "value": 10, "reasons": ["+10 company known"]}
    ]


def test_a_new_lead_without_a_source_gets_the_default(crm: Crm) -> None:
    crm.enable(default_source="website")

    assert crm.client.create("leads", name="Ada")["source"] == "website"
    assert crm.client.create("leads", name="Bob", source="list")["source"] == "list"


def test_without_a_default_the_source_stays_empty(crm: Crm) -> None:
    crm.enable()

    assert crm.client.create("leads", name="Ada")["source"] is None


def test_a_lead_below_the_minimum_cannot_enter_a_won_stage(crm: Crm) -> None:
    crm.enable(minimum_score_to_qualify=30)
    lead = crm.client.create("leads", name="Bob", company="Bob's Bikes")
    won = stage(crm, "won")

    (issue,) = issues_of(crm, 422, f"leads/{lead['id']}/move-stage", {"stage_id": won["id"]})

    assert (issue["source"], issue["code"]) == ("lead_scoring@1.0.0", "score_below_minimum")
    assert issue["message"].startswith(f"the lead scores 10, stage {won['name']} needs 30: ")
    assert crm.client.read("leads", lead["id"])["stage_id"] == lead["stage_id"]


def test_a_lead_that_has_just_been_completed_need_not_wait_for_its_score(crm: Crm) -> None:
    crm.enable(minimum_score_to_qualify=30)
    lead = crm.client.create("leads", name="Bob")
    won = stage(crm, "won")
    crm.client.update("leads", lead["id"], company="Bob's Bikes", source="referral")

    crm.client.expect(200, "POST", f"leads/{lead['id']}/move-stage", json={"stage_id": won["id"]})

    assert crm.client.read("leads", lead["id"])["stage_id"] == won["id"]


def test_the_minimum_is_off_by_default_and_no_concern_of_other_stages(crm: Crm) -> None:
    crm.enable()
    lead = crm.client.create("leads", name="Bob")

    crm.client.expect(200, "POST", f"leads/{lead['id']}/move-stage", json={"stage_id": stage(crm, "won")["id"]})
    crm.disable()
    crm.enable(minimum_score_to_qualify=90)
    crm.client.expect(200, "POST", f"leads/{lead['id']}/move-stage", json={"stage_id": lead["stage_id"]})

    assert crm.client.read("leads", lead["id"])["stage_id"] == lead["stage_id"]


def test_a_stage_with_points_counts_once_the_lead_has_entered_it(crm: Crm) -> None:
    won = stage(crm, "won")
    crm.enable(stage_points=f"{won['stage_key']}=40")
    lead = crm.client.create("leads", name="Bob")

    assert scored(crm, lead["id"])["score"] == 0
    crm.client.expect(200, "POST", f"leads/{lead['id']}/move-stage", json={"stage_id": won["id"]})
    assert scored(crm, lead["id"])["reasons"] == f"+40 stage is {won['stage_key']}"


def converted(crm: Crm, **opportunity: Any) -> dict[str, Any]:
    """Convert a new lead and return the opportunity it becomes."""
    lead = crm.client.create("leads", **ADA)["id"]
    crm.client.expect(200, "POST", f"leads/{lead}/convert", json={"opportunity": opportunity})
    return crm.client.read("opportunities", crm.client.read("leads", lead)["converted_opportunity_id"])


def test_converting_gives_the_opportunity_a_next_step(crm: Crm) -> None:
    crm.enable()

    assert converted(crm)["next_step"] == "Call today (lead score 90, grade A)"


def test_a_next_step_of_the_caller_stays(crm: Crm) -> None:
    crm.enable()

    assert converted(crm, next_step="Send the contract")["next_step"] == "Send the contract"


def test_a_lead_below_the_minimum_cannot_be_converted(crm: Crm) -> None:
    crm.enable(minimum_score_to_qualify=30)
    lead = crm.client.create("leads", name="Bob")

    (issue,) = issues_of(crm, 422, f"leads/{lead['id']}/convert", {})

    assert issue["code"] == "score_below_minimum"
    assert crm.client.read("leads", lead["id"]) == lead | {"plugins": {"lead_scoring": NOTHING}}
    assert crm.client.list("accounts") == []


def test_leads_from_before_are_scored_by_the_job(crm: Crm) -> None:
    lead = crm.client.create("leads", **ADA)
    crm.relay()
    crm.enable()

    assert crm.client.read("leads", lead["id"])["plugins"]["lead_scoring"] == NOTHING
    crm.run_job("score_unscored")
    assert crm.client.read("leads", lead["id"])["plugins"]["lead_scoring"]["score"] == 90


@pytest.mark.parametrize(
    ("settings", "code", "field"),
    [
        ({"grade_a": 40, "grade_b": 60}, "grades_out_of_order", "grade_a"),
        ({"source_points": "referral:30"}, "unreadable_points", "source_points"),
        ({"activity_limit": 0, "weight_title": 0, "source_points": "", "minimum_score_to_qualify": 60},
         "unreachable_minimum", "minimum_score_to_qualify"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_refuse_to_be_enabled(
    crm: Crm, settings: dict[str, Any], code: str, field: str
) -> None:
    (issue,) = issues_of(crm, 422, "plugins/lead_scoring/enable", {"settings": settings})

    assert (issue["source"], issue["code"], issue["field"]) == ("lead_scoring@1.0.0", code, field)
    assert not crm.is_enabled()


def test_settings_cannot_be_changed_to_contradictory_ones(crm: Crm) -> None:
    crm.enable()

    answer = crm.client.patch("plugins/lead_scoring/settings", json={"settings": {"grade_c": 60}})

    assert answer.status == 422
    assert answer.json["issues"][0]["code"] == "grades_out_of_order"


def test_a_weight_outside_its_bounds_is_refused_by_name(crm: Crm) -> None:
    with pytest.raises(UnexpectedAnswer, match="weight_phone"):
        crm.enable(weight_phone=-1)
