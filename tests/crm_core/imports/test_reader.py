from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import InvalidInput
from crm_core.imports.mapping import Source
from crm_core.imports.problems import MappingError
from crm_core.imports.reader import Misfit, Rows, file_hash, opened
from crm_core.imports.templates import Row

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, content: str | bytes, **source: Any) -> tuple[tuple[str, ...], list[Row | Misfit]]:
    file = path / "data"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with opened(file, Source(**source)) as rows:
        return rows.columns, list(rows)


def test_rows_know_the_line_on_which_they_begin(tmp_path: Path) -> None:
    columns, rows = read(tmp_path, 'a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n')
    assert columns == ("a", "b")
    assert rows == [Row(2, ["1", "x\r\ny"]), Row(5, ["2", "z"])]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa;b\n1;2\n", delimiter=";") == (("a", "b"), [Row(2, ["1", "2"])])


def test_blank_separated_columns_are_read_with_given_names(tmp_path: Path) -> None:
    columns, rows = read(tmp_path, " x y\n 001  2\n\n 003 4\n", format="fixed", columns=("id", "n"), skip_lines=1)
    assert columns == ("id", "n")
    assert rows == [Row(2, ["001", "2"]), Row(4, ["003", "4"])]


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    columns, rows = read(tmp_path, '{"a": 1, "b": null}\n\n{"b": [true]}\n', format="jsonl")
    assert columns == ("a", "b")
    assert rows == [Row(1, [1, None]), Row(3, [None, [True]])]


@pytest.mark.parametrize(
    ("content", "form", "reason"),
    [
        ("a,b\n1\n", "csv", "has 1 values where there are 2 columns (a, b)"),
        ("a b\n1 2 3\n", "fixed", "has 3 values where there are 2 columns (a, b)"),
        ('{"a": 1}\n{"c": 1}\n', "jsonl", "has c, which the first line has not"),
        ('{"a": 1}\n[]\n', "jsonl", "is not a JSON object"),
        ('{"a": 1}\n{\n', "jsonl", "is not JSON"),
    ],
)
def test_a_row_that_does_not_fit_is_told_and_the_next_one_read(
    tmp_path: Path, content: str, form: str, reason: str
) -> None:
    _, rows = read(tmp_path, content, format=form)
    misfit = next(row for row in rows if isinstance(row, Misfit))
    assert misfit.line == 2
    assert misfit.reason.startswith(reason)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_a_first_line_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(MappingError, match="data: it is empty"):
        read(tmp_path, content)


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="the columns a are there twice"):
        read(tmp_path, "a,b,a\n")


def test_another_encoding_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"after line \d+ is not utf-8-sig: set source.encoding"):
        read(tmp_path, b"a\n" + b"x\n" * 5 + "ü\n".encode("cp1252"))
    assert read(tmp_path, "a\nü\n".encode("cp1252"), encoding="cp1252")[1] == [Row(2, ["ü"])]


def test_a_quote_in_the_wrong_place_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="data line 2: "):
        read(tmp_path, 'a,b\n"x"y,z\n')


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2)))
def test_whatever_is_written_as_csv_is_read_again(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["a", "b"], *rows])
    file.seek(0)
    found = list(Rows("data", Source(), file, lambda: 0))
    assert [row.values for row in found if isinstance(row, Row)] == rows


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    (tmp_path / "b").write_bytes(b"x" * 3_000_000)
    (tmp_path / "c").write_bytes(b"x" * 2_999_999)
    assert file_hash(tmp_path / "a") == file_hash(tmp_path / "b") != file_hash(tmp_path / "c")
