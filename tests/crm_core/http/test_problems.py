from __future__ import annotations

import json

import pytest

from crm_core.errors import CrmError, InvalidInput, PayloadTooLarge, RecordNotFound
from crm_core.http.problems import answer_problem, problem_of


@pytest.mark.parametrize(
    ("error", "title"),
    [
        # Python 3.13 has other words for these two; clients get the same from every interpreter.
        (InvalidInput("no"), "Unprocessable Entity"),
        (PayloadTooLarge("no"), "Request Entity Too Large"),
        (RecordNotFound("no"), "Not Found"),
        (CrmError("no"), "Internal Server Error"),
    ],
)
def test_the_title_is_the_same_on_every_python(error: CrmError, title: str) -> None:
    assert problem_of(error, "r")["title"] == title


def test_an_error_may_repeat_what_is_no_unicode() -> None:
    answer = answer_problem(InvalidInput("no \ud800", field="\udfff", value={1, "x"} - {1}), "r")
    assert json.loads(bytes(answer.body)) == {
        **problem_of(InvalidInput("no ?"), "r"),
        "field": "?",
        "value": "{'x'}",
    }
