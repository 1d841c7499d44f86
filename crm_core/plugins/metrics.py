"""What a monitoring system asks: how plugins do, in Prometheus' text format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crm_core.plugin_host import health
from crm_core.plugin_host.breaker import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crm_core.records.scope import Scope

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Metric:
    """One metric with its samples."""

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Return its lines; without samples there are none."""
        if self.samples:
            yield f"# HELP {self.name} {self.help}"
            yield f"# TYPE {self.name} {self.kind}"
        for labels, value in self.samples:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{shown}}} {value:.9g}"


def metrics(scope: Scope) -> str:
    """Return the figures of this process for the plugins of the tenant, and how they do for it in every process."""
    scope.actor.require("metrics", "read")
    found = (*_of_process(scope), *_of_workers(scope), *_of_tenant(scope))
    lines = [line for metric in found for line in metric.lines()]
    return "".join(f"{line}\n" for line in lines)


def _of_process(scope: Scope) -> list[Metric]:
    calls = Metric("crm_plugin_calls_total", "counter", "Calls of hooks, routes and jobs in this process.")
    failures = Metric("crm_plugin_failures_total", "counter", "Calls that failed in this process.")
    skipped = Metric("crm_plugin_skipped_total", "counter", "Calls not made: the plugin rests or is quarantined.")
    seconds = Metric("crm_plugin_seconds_total", "counter", "Seconds spent in the plugin's own code in this process.")
    for figures in scope.hooks.guard.counters:
        if figures.plugin not in scope.hooks.tenant.enabled:
            continue
        labels = {"plugin": figures.plugin, "where": figures.where}
        calls.samples.append((labels, figures.calls))
        failures.samples.append((labels, figures.failures))
        skipped.samples.append((labels, figures.skipped))
        seconds.samples.append((labels, figures.seconds))
    return [calls, failures, skipped, seconds]


def _of_workers(scope: Scope) -> list[Metric]:
    """Return the figures of those plugins that run in processes of their own."""
    workers = Metric("crm_plugin_workers", "gauge", "Processes that this one has for the plugin.")
    memory = Metric("crm_plugin_worker_memory_bytes", "gauge", "Memory that these processes occupy.")
    started = Metric("crm_plugin_worker_starts_total", "counter", "Processes started for the plugin.")
    replaced = Metric("crm_plugin_worker_replacements_total", "counter", "Processes ended because of what they did.")
    for plugin in sorted(scope.hooks.tenant.enabled):
        remote = scope.hooks.tenant.registry.plugins[plugin].remote
        if remote is not None:
            for metric, value in zip((workers, memory, started, replaced), remote.figures, strict=True):
                metric.samples.append(({"plugin": plugin}, value))
    return [workers, memory, started, replaced]


def _of_tenant(scope: Scope) -> list[Metric]:
    enabled = Metric("crm_plugin_enabled", "gauge", "Plugins that this tenant has enabled.")
    breaker = Metric("crm_plugin_breaker", "gauge", "1 for what the breaker of the plugin says for this tenant.")
    recorded = Metric("crm_plugin_failed_operations_total", "counter", "Failures for this tenant in all processes.")
    known = health.of_tenant(scope.uow.for_core, scope.tenant_id)
    for plugin in sorted(scope.hooks.tenant.enabled):
        enabled.samples.append(({"plugin": plugin}, 1))
        found = known.get(plugin)
        phase = found.breaker.phase(scope.uow.now) if found else Phase.CLOSED
        breaker.samples += [({"plugin": plugin, "state": each.value}, each is phase) for each in Phase]
        recorded.samples.append(({"plugin": plugin}, found.failed if found else 0))
    return [enabled, breaker, recorded]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
