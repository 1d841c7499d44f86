from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.imports.templates import Row, Template, TemplateSyntaxError, digest

_COLUMNS = {"a": 0, "First name": 1}


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("{a}", ["x", "y"], "x"),
        ("Customer {a}", ["7", ""], "Customer 7"),
        ("{First name} {a}", ["B", "A"], "A B"),
        ("{{{a}}}", ["x", ""], "{x}"),
        ("line {line}", ["", ""], "line 12"),
        ("{a}-{First name}", ["x", ""], "x-"),
        ("{a}-{First name}", ["", ""], None),
        ("{a}", ["", ""], None),
        ("fixed", ["", ""], "fixed"),
        ("{a}", [7, ""], "7"),
    ],
)
def test_a_template_is_filled_from_the_row(text: str, values: list[object], expected: str | None) -> None:
    assert Template.parse(text).renderer(_COLUMNS)(Row(12, values)) == expected


def test_the_hash_of_a_row_depends_on_every_value() -> None:
    render = Template.parse("{row_hash}").renderer(_COLUMNS)
    assert render(Row(1, ["a", "b"])) == render(Row(2, ["a", "b"])) == digest(["a", "b"])
    assert render(Row(1, ["a", "b"])) != render(Row(1, ["ab", ""]))


def test_a_column_called_like_a_special_name_is_the_column() -> None:
    assert Template.parse("{line}").renderer({"line": 0})(Row(12, ["x"])) == "x"


@pytest.mark.parametrize("text", ["{", "}", "{a", "a}", "{}", "{a}}"])
def test_a_single_brace_is_an_error_that_says_what_to_write(text: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="write"):
        Template.parse(text)


@given(st.text())
def test_any_text_with_doubled_braces_stands_for_itself(text: str) -> None:
    template = Template.parse(text.replace("{", "{{").replace("}", "}}"))
    assert template.names == ()
    assert template.renderer({})(Row(1, [])) == text
