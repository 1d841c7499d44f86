"""Errors of the core: each names what, where and what to do, and knows its code and HTTP status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugin_sdk import Issue


class CrmError(Exception):
    """Base of every error the core raises on purpose.

    ``code`` is stable and documented; ``details`` is what a program needs to act on it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, **details: Any) -> None:
        """Keep the sentence for people and the details for programs."""
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details


class InvalidInput(CrmError):
    """The request or file cannot be read as what it should be."""

    code = "invalid_input"
    status = 422


class UnknownField(InvalidInput):
    """A field, filter or sort key that the record type does not have."""

    code = "unknown_field"
    status = 422


class ReferenceNotFound(InvalidInput):
    """A reference names a record that this tenant does not have."""

    code = "reference_not_found"
    status = 422


class RecordNotFound(CrmError):
    """No such record for this tenant and actor."""

    code = "not_found"
    status = 404


class Conflict(CrmError):
    """The record has changed since the version the caller has seen."""

    code = "version_conflict"
    status = 409


class Duplicate(CrmError):
    """A value that must be unique is already taken."""

    code = "duplicate"
    status = 409


class Refused(CrmError):
    """A rule of the core or a plugin's hook refused the operation; ``issues`` says why."""

    code = "refused"
    status = 422

    def __init__(self, issues: Sequence[tuple[str, Issue]]) -> None:
        """Keep the issues with the plugin (or ``core``) each came from."""
        self.issues = tuple(issues)
        super().__init__(
            "; ".join(issue.message for _, issue in self.issues),
            issues=[
                {"source": source, "code": issue.code, "message": issue.message, "field": issue.field}
                for source, issue in self.issues
            ],
        )


class PatchConflict(CrmError):
    """Two plugins changed one field differently, and no declared priority decides."""

    code = "patch_conflict"
    status = 409


class HookFailed(CrmError):
    """A plugin's hook raised in a place where the operation cannot go on without it."""

    code = "hook_failed"
    status = 500


class NotAuthenticated(CrmError):
    """No API key, or one that is unknown, revoked or expired."""

    code = "not_authenticated"
    status = 401


class PermissionDenied(CrmError):
    """The actor may not do this."""

    code = "permission_denied"
    status = 403


class PayloadTooLarge(CrmError):
    """The request body is larger than the limit."""

    code = "payload_too_large"
    status = 413


class IdempotencyMismatch(CrmError):
    """An Idempotency-Key was used again with another request."""

    code = "idempotency_mismatch"
    status = 422


class PluginError(CrmError):
    """A plugin cannot be taken through a lifecycle step; names plugin, version and what to do."""

    code = "plugin_error"
    status = 409


class PluginUnavailable(CrmError):
    """An operation needs a plugin that is not called at present, because it failed too often."""

    code = "plugin_unavailable"
    status = 503


class DatabaseError(CrmError):
    """The database refused or lost an operation; nothing of it was kept."""

    code = "database_error"
    status = 503


class StatementLimit(CrmError):
    """A plugin's statement ran, or waited for a lock, longer than it may."""

    code = "statement_limit"
    status = 503


class CoreTransactionLost(DatabaseError):
    """The transaction ended in the middle of the operation; nothing of it was kept."""

    code = "core_transaction_lost"
    status = 500


class MalformedRequest(CrmError):
    """The request body is not JSON, or a header cannot be read."""

    code = "malformed_request"
    status = 400
