"""Outputs that do not bring about what is wanted, told once that lasts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.model.alert_headline import OUTPUT
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.withdrawal import Mode, Wanted

PATIENCE_S: Final = 30.0

MAX_NAMES: Final = 5

MAX_NOTE: Final = 500


class Differing:
    """Asked once a second. Times are seconds since the epoch; one that went back begins anew."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def look(
        self, standings: Sequence[Standing], wanted: Mapping[str, Wanted], now: float
    ) -> list[Finding]:
        """A ticket for each output that is in trouble, or where something else is in force than what
        is wanted, and was so for `PATIENCE_S`."""
        found = []
        wrong = {standing.name: what_is_wrong(standing, wanted) for standing in standings}
        self._since = {
            name: min(now, self._since.get(name, now)) for name, text in wrong.items() if text
        }
        for name, since in self._since.items():
            if now - since >= PATIENCE_S:
                found.append(ticket(f"{OUTPUT}{name}", since, wrong[name]))
        return found


def ticket(handle: str, since: float, text: str) -> Finding:
    """What people hear of it."""
    note = text[:MAX_NOTE]
    return Finding(
        AlertClass.REMEDIATION_OUTPUT, "_fleet", handle, Severity.TICKET, (), int(since), note=note
    )


def what_is_wrong(standing: Standing, wanted: Mapping[str, Wanted]) -> str:
    """A sentence; empty where nothing is."""
    if standing.trouble:
        return f"{standing.name}: {standing.trouble}"
    if standing.out is None:
        return ""
    wrong = []
    for service, word in sorted(wanted.items()):
        if word.mode is Mode.STANDBY or service not in standing.out:
            continue
        is_out, shall = set(standing.out[service]), {each.node for each in word.effective}
        if is_out != shall:
            in_vain, too_many = sorted(shall - is_out), sorted(is_out - shall)
            wrong += [f"{_named(in_vain)} of {service} shall be out, and serve"] if in_vain else []
            wrong += [f"{_named(too_many)} of {service} shall serve, and are out"] if too_many else []
    return f"{standing.name}: {'; '.join(wrong)}" if wrong else ""


def _named(nodes: Sequence[str]) -> str:
    more = len(nodes) - MAX_NAMES
    return ", ".join(nodes[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
