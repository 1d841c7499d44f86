from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_core.plugin_host.migrations.refusal import Forbidden
from crm_core.plugin_host.migrations.words import kind, read


def test_parameters_and_comments_are_gone_and_words_are_told() -> None:
    read_here = read("SELECT n::TEXT /* :x */ FROM plg_a.t -- ;\nWHERE n = $1 AND m IN ($2,$3);", on_sqlite=False)
    assert read_here.text == "SELECT n::TEXT   FROM plg_a.t  \nWHERE n = NULL AND m IN (NULL,NULL)"
    assert read_here.words == ("select", "n", "text", "from", "plg_a", "t", "where", "n", "and", "m", "in")
    assert read("SELECT :a, ?, 'a ? :b'", on_sqlite=True).text == "SELECT NULL, NULL, 'a ? :b'"


# A tag between dollars can have a parenthesis in it for the one, and is two parameters to the other.
@pytest.mark.parametrize("text", ["SELECT $1),($2", "INSERT INTO t VALUES ($1),($2)"])
def test_what_lies_between_two_parameters_is_not_text(text: str) -> None:
    assert "$" not in read(text, on_sqlite=False).text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["create", "unique", "index", "x"], "CREATE UNIQUE INDEX"),
        (["create", "or", "replace", "view"], "CREATE OR REPLACE VIEW"),
        (["create", "trigger", "table"], "CREATE TRIGGER"),
        (["alter", "x", "table"], "ALTER"),
        (["set", "role"], "SET"),
        ([], "empty statement"),
    ],
)
def test_a_statement_is_what_its_first_words_say(words: list[str], said: str) -> None:
    assert kind(words) == said


@given(text=st.text(st.sampled_from("SELECT '\"$-/*;:\\?()[]E1a\n\x00é"), max_size=40), on_sqlite=st.booleans())
@example(text="SELECT 1 '", on_sqlite=False)
def test_nothing_but_a_refusal_comes_of_any_text(text: str, on_sqlite: bool) -> None:  # noqa: FBT001 - given
    try:
        plain = read(text, on_sqlite=on_sqlite).text
    except Forbidden:
        return
    outside = "".join(part for place, part in enumerate(plain.split("'")) if place % 2 == 0)
    quoted = outside.split('"')
    bare = "".join(part for place, part in enumerate(quoted) if place % 2 == 0)
    assert not {";", "$", "?", "\\", "\x00"} & set(bare)
    assert "--" not in bare
    assert "/*" not in bare
