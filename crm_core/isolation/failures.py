"""Errors between the core and a plugin's worker: the SDK's keep their type, of others the name and text remain."""

from __future__ import annotations

import builtins
from typing import Any

import msgspec

from crm_core.isolation.values import EncodeError, Tree, from_tree, to_tree
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

_LONGEST = 2000
# Numbers stand for these on the wire: new ones are added at the end.
_SDK_ERRORS: tuple[type[SdkError], ...] = (
    *(SdkError, ApiError, NotAllowed, NotFound, VersionConflict, Rejected, RangeError, SettingError, FieldValueError),
)
_OTHER, _BODY = -1, -2


class BodyProblem(Exception):
    """A request body that does not fit a route's model; ``pointer`` says where."""

    def __init__(self, pointer: str, message: str) -> None:
        """Keep both."""
        self.pointer = pointer
        super().__init__(message)


class Failure(msgspec.Struct, array_like=True, tag=0):
    """An error on its way to the other process; ``details`` are issues, or where in a body it is."""

    kind: int
    name: str
    text: str
    details: Tree = None

    @property
    def told(self) -> str:
        """Its name and text."""
        return f"{self.name}: {self.text}"

    def as_sdk_error(self) -> SdkError | None:
        """Return the SDK's error that this was; None where it was none."""
        if not 0 <= self.kind < len(_SDK_ERRORS):
            return None
        kind = _SDK_ERRORS[self.kind]
        if kind is not Rejected:
            return kind(self.text)
        issues = from_tree(self.details)
        return Rejected([issue for issue in issues if _is_issue(issue)] if isinstance(issues, list) else [])

    def as_body_problem(self) -> BodyProblem | None:
        """Return the problem of a request body that this was; None where it was none."""
        return BodyProblem(self.details, self.text) if self.kind == _BODY and isinstance(self.details, str) else None

    def as_error(self) -> Exception:
        """Return the error to raise in a plugin: the SDK's, a built-in one by its name, or a RuntimeError."""
        known = self.as_sdk_error()
        if known is not None:
            return known
        builtin: Any = getattr(builtins, self.name, None)
        if isinstance(builtin, type) and issubclass(builtin, Exception):
            try:
                error: Exception = builtin(self.text)
            except TypeError:  # UnicodeDecodeError, for one, is made of five values
                return RuntimeError(self.told)
            return error
        return RuntimeError(self.told)


def failure_of(error: BaseException) -> Failure:
    """Return an error as it travels; nothing that its class does when it is looked at gets in the way."""
    kind = _OTHER
    details: Tree = None
    if isinstance(error, SdkError):
        kind = max(number for number, each in enumerate(_SDK_ERRORS) if isinstance(error, each))
        details = _issues(error) if isinstance(error, Rejected) else None
    elif isinstance(error, BodyProblem):
        kind, details = _BODY, error.pointer
    return Failure(kind, _name(error), _text(error), details)


def _is_issue(issue: Any) -> bool:
    """Tell whether a value from the other process is an issue that people can be shown."""
    if not isinstance(issue, Issue) or not isinstance(issue.level, Level):
        return False
    texts: tuple[object, ...] = (issue.code, issue.message, issue.field or "")
    return all(isinstance(text, str) for text in texts)


def _issues(error: Rejected) -> Tree:
    try:
        return to_tree(list(error.issues))
    except (EncodeError, TypeError, AttributeError):  # a plugin may have put anything there
        return None


def _name(error: BaseException) -> str:
    try:
        return _safe(str(type(error).__name__))
    except BaseException:  # noqa: BLE001 - a plugin's metaclass may raise anything
        return "Exception"


def _text(error: BaseException) -> str:
    try:
        return _safe(str(error))
    except BaseException as broken:  # noqa: BLE001 - a plugin's __str__ may raise anything
        return f"(its text cannot be rendered: {type(broken).__name__})"


def _safe(text: str) -> str:
    return str.encode(text[:_LONGEST], "utf-8", "backslashreplace").decode()
