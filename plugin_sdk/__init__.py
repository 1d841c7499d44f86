"""Everything a plugin of the CRM core may import; its SemVer is the version of the plugin API.

The names below are the whole contract. ``plugin_sdk.db`` (own tables, needs the extra ``db``) and
``plugin_sdk.http`` (own routes, needs the extra ``http``) are imported by name, because they pull in
SQLAlchemy and pydantic and most plugins need neither.
"""

from __future__ import annotations

from plugin_sdk.context import Api, Context, Fields, Page, Sql
from plugin_sdk.errors import (
    ApiError,
    FieldValueError,
    ManifestError,
    ManifestProblem,
    NotAllowed,
    NotFound,
    RangeError,
    Rejected,
    SdkError,
    SettingError,
    VersionConflict,
)
from plugin_sdk.events import Event
from plugin_sdk.hookspecs import HOOKS, HookDefinition, OnError, Point, Rule, hookimpl
from plugin_sdk.ids import id_time, new_id
from plugin_sdk.jobs import Job
from plugin_sdk.manifest import Manifest
from plugin_sdk.records import (
    ConvertPatch,
    ConvertPlan,
    Environment,
    Issue,
    Level,
    Match,
    Operation,
    Patch,
    Record,
    Score,
    Stage,
    UninstallMode,
)
from plugin_sdk.versions import Range, parse_version

__version__ = "0.3.0"

__all__ = [
    "HOOKS",
    "Api",
    "ApiError",
    "Context",
    "ConvertPatch",
    "ConvertPlan",
    "Environment",
    "Event",
    "FieldValueError",
    "Fields",
    "HookDefinition",
    "Issue",
    "Job",
    "Level",
    "Manifest",
    "ManifestError",
    "ManifestProblem",
    "Match",
    "NotAllowed",
    "NotFound",
    "OnError",
    "Operation",
    "Page",
    "Patch",
    "Point",
    "Range",
    "RangeError",
    "Record",
    "Rejected",
    "Rule",
    "Score",
    "SdkError",
    "SettingError",
    "Sql",
    "Stage",
    "UninstallMode",
    "VersionConflict",
    "__version__",
    "hookimpl",
    "id_time",
    "new_id",
    "parse_version",
]
