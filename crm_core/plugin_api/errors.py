"""The core's errors as the SDK's, and back."""

from __future__ import annotations

import plugin_sdk as sdk
from crm_core import errors


def as_sdk_error(error: errors.CrmError) -> sdk.SdkError:
    """Return the error of the SDK that says the same."""
    if isinstance(error, errors.Refused):
        return sdk.Rejected([issue for _, issue in error.issues])
    if isinstance(error, errors.PermissionDenied):
        return sdk.NotAllowed(str(error))
    if isinstance(error, errors.RecordNotFound):
        return sdk.NotFound(str(error))
    if isinstance(error, errors.Conflict):
        return sdk.VersionConflict(str(error))
    return sdk.Rejected([sdk.Issue(error.code, error.message, error.details.get("field"))])


def from_sdk_error(plugin: str, error: sdk.SdkError) -> errors.CrmError:
    """Return the core's error for what a plugin's route raised."""
    if isinstance(error, sdk.Rejected):
        return errors.Refused([(plugin, issue) for issue in error.issues])
    if isinstance(error, sdk.NotFound):
        return errors.RecordNotFound(str(error))
    if isinstance(error, sdk.VersionConflict):
        return errors.Conflict(str(error))
    if isinstance(error, sdk.NotAllowed):
        return errors.PermissionDenied(str(error))
    return errors.HookFailed(f"plugin {plugin} failed: {error}", plugin=plugin)
