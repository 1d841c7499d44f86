from __future__ import annotations

from typing import Any

import pytest

from crm_core.isolation.failures import BodyProblem, Failure, failure_of
from crm_core.isolation.values import decoder_of, encode_tree
from plugin_sdk import (
    ApiError,
    FieldValueError,
    Issue,
    Level,
    NotAllowed,
    NotFound,
    RangeError,
    Rejected,
    SdkError,
    SettingError,
    VersionConflict,
)

_decode = decoder_of(Failure)


def _sent(error: BaseException) -> Failure:
    failure: Failure = _decode(encode_tree(failure_of(error)))
    return failure


@pytest.mark.parametrize(
    "kind", [SdkError, ApiError, NotAllowed, NotFound, VersionConflict, RangeError, SettingError, FieldValueError]
)
def test_errors_of_the_sdk_stay_what_they_are(kind: type[SdkError]) -> None:
    error = _sent(kind("what, where and what to do")).as_error()
    assert type(error) is kind
    assert str(error) == "what, where and what to do"


def test_a_rejection_keeps_its_issues() -> None:
    issues = [Issue("a", "first", "name"), Issue("b", "second", level=Level.WARNING)]
    error = _sent(Rejected(issues)).as_error()
    assert isinstance(error, Rejected)
    assert error.issues == tuple(issues)
    assert str(error) == "first; second"


class _Own(NotFound):
    pass


class _Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


class _Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise KeyError


class _NoName(Exception, metaclass=_Nameless):
    pass


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (_Own("gone"), NotFound, "gone"),
        (ZeroDivisionError("division by zero"), ZeroDivisionError, "division by zero"),
        (_Mute(), RuntimeError, "_Mute: (its text cannot be rendered: ValueError)"),
        (_NoName("x"), RuntimeError, "Exception: x"),
        (SystemExit(3), RuntimeError, "SystemExit: 3"),
        (UnicodeDecodeError("utf-8", b"a", 0, 1, "no"), RuntimeError, "UnicodeDecodeError: 'utf-8' codec can't decode"),
        (ValueError("\ud800"), ValueError, "\\ud800"),
        (ValueError("x" * 5000), ValueError, "x" * 2000),
    ],
    ids=["subclass", "builtin", "mute", "nameless", "exit", "arguments", "surrogate", "long"],
)
def test_of_others_type_and_text_remain(error: BaseException, kind: type[Exception], told: str) -> None:
    found = _sent(error).as_error()
    if kind is RuntimeError and isinstance(error, _NoName):
        assert type(found) is Exception
        assert str(found) == "x"
        return
    assert type(found) is kind
    assert str(found).startswith(told)


def test_a_problem_of_a_body_keeps_its_place() -> None:
    problem = _sent(BodyProblem("$.name", "too short")).as_body_problem()
    assert problem is not None
    assert (problem.pointer, str(problem)) == ("$.name", "too short")
    assert _sent(ValueError("x")).as_body_problem() is None


def _ill_formed(*values: Any) -> Rejected:
    rejected = Rejected([])
    rejected.issues = values
    return rejected


def test_issues_of_wrong_types_are_left_out() -> None:
    error = _sent(_ill_formed(Issue(1, 2), "no issue", Issue("a", "b"))).as_error()  # type: ignore[arg-type]
    assert isinstance(error, Rejected)
    assert error.issues == (Issue("a", "b"),)
    assert isinstance(_sent(_ill_formed(object())).as_error(), Rejected)


@pytest.mark.parametrize("kind", [-3, 99, 10**15])
def test_an_unknown_kind_is_no_error_of_the_sdk(kind: int) -> None:
    assert Failure(kind, "eval", "x").as_sdk_error() is None
    assert type(Failure(kind, "eval", "x").as_error()) is RuntimeError
