"""The audit trail's hash chain: events are sealed in batches behind the writers, and verified on request."""

from __future__ import annotations

from crm_core.audit.sealer import AuditRuntime, SealReport, seal, seal_forever
from crm_core.audit.verifier import VerifyReport, verify

__all__ = ["AuditRuntime", "SealReport", "VerifyReport", "seal", "seal_forever", "verify"]
