"""The rules of attachments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crm_core.records.anchors import referred
from crm_core.records.entity import Rules
from plugin_sdk import Issue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crm_core.records.scope import Scope

_SHA256 = re.compile(r"[0-9a-f]{64}")


class AttachmentRules(Rules):
    """An attachment hangs on a record its maker may see, and its facts can be checked against its content."""

    def settle(
        self,
        scope: Scope,
        old: Mapping[str, Any] | None,
        row: dict[str, Any],
        parts: Sequence[Mapping[str, Any]] | None,
    ) -> None:
        """Write the hash in the one form hashes are compared in."""
        del scope, old, parts
        row["sha256"] = row["sha256"].lower()

    def check(self, scope: Scope, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Sequence[Issue]:
        """Look at hash and size, and at the record when it is new to the attachment."""
        issues = []
        if not _SHA256.fullmatch(new["sha256"]):
            message = "sha256 must be the content's SHA-256 as 64 hexadecimal digits"
            issues.append(Issue("sha256_malformed", message, field="sha256"))
        if new["size"] < 0:
            message = f"size is {new['size']}; send the number of bytes, 0 or more"
            issues.append(Issue("size_negative", message, field="size"))
        if old is None or old["record_id"] != new["record_id"]:
            referred(scope, "record_id", new["record_id"])
        return issues
