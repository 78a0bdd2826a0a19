"""Findings by hand."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import Playbook, ServicePolicy
from coalmine_aggregator.model.scopes import scope_of

POLICIES = {
    "ingest": ServicePolicy(
        "ingest", 0.001, "ingest-oncall", (Playbook("https://wiki.example/ingest"),)
    )
}


def finding(
    alert_class: AlertClass = AlertClass.LOSS,
    handle: str = "1",
    *,
    service: str = "ingest",
    severity: Severity = Severity.PAGE,
    lost: int = 10,
    quiet: bool = False,
    within: tuple[str, ...] = (),
    **scope: str,
) -> Finding:
    counts = Counts(0, (0, 0, 0, lost, 0, 0, 0))
    return Finding(
        alert_class,
        service,
        handle,
        severity,
        scope_of(scope),
        1_000,
        counts=counts,
        total=counts,
        window_s=1,
        effect="lost",
        quiet=quiet,
        within=within,
    )
