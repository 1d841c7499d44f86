"""Work in the background: plugins' scheduled jobs, and the loop every background worker runs in."""

from __future__ import annotations

from crm_core.jobs.scheduler import JobsReport, JobsRuntime, jobs_forever, run_due

__all__ = ["JobsReport", "JobsRuntime", "jobs_forever", "run_due"]
