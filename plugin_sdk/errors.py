"""Errors a plugin can meet; each names what, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugin_sdk.records import Issue


class SdkError(Exception):
    """Base of every error of the plugin SDK."""


class RangeError(SdkError, ValueError):
    """A version or version range that cannot be read."""


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """One thing wrong with a manifest: the file, the key, its value, what is wrong and the fix."""

    source: str
    key: str
    value: object
    message: str
    fix: str

    def __str__(self) -> str:
        """Render the problem on one line."""
        return f"{self.source}: {self.key} = {self.value!r}: {self.message}; {self.fix}"


class ManifestError(SdkError):
    """A manifest that cannot be used; ``problems`` holds everything wrong with it."""

    def __init__(self, problems: Sequence[ManifestProblem]) -> None:
        """Keep the problems and render one per line."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class SettingError(SdkError, ValueError):
    """A setting that does not fit the manifest's schema."""


class FieldValueError(SdkError, ValueError):
    """A plugin field value that does not fit its declaration."""


class ApiError(SdkError):
    """Base of what ``ctx.api``, ``ctx.fields`` and ``ctx.sql`` raise."""


class NotAllowed(ApiError):
    """The plugin lacks the capability, or the context is no longer alive."""


class NotFound(ApiError):
    """No such record for this tenant."""


class VersionConflict(ApiError):
    """The record has changed since the given version."""


class Rejected(ApiError):
    """The core or a hook refused the operation; ``issues`` says why."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        """Keep the issues and render them as one sentence."""
        self.issues = tuple(issues)
        super().__init__("; ".join(issue.message for issue in self.issues))
