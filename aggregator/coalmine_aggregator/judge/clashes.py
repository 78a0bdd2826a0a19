"""Identity clashes: agents that are set aside since others have their name or labels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coalmine_aggregator.judge.missing import FLEET
from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.findings import Finding

MOST = 20
"""Clashes that are told one by one; whoever configured a fleet from one image has one cause for all."""


class Aside(NamedTuple):
    """An agent that is set aside. `since` is when its birth was heard."""

    agent: str
    boot: str
    host: str
    services: tuple[str, ...]
    since: float
    why: str


def findings(asides: Sequence[Aside]) -> list[Finding]:
    """A ticket for each of the first `MOST`; the last one says how many more there are."""
    told: list[Finding] = []
    for each in asides[:MOST]:
        note = f"agent {each.agent} on {each.host} is set aside: {each.why}"
        if len(told) == MOST - 1 and len(asides) > MOST:
            note += f"; {len(asides) - MOST} more"
        told.append(
            Finding(
                AlertClass.IDENTITY_CLASH,
                each.services[0] if len(each.services) == 1 else FLEET,
                f"{each.agent}/{each.boot}",
                Severity.TICKET,
                (("host", each.host),),
                int(each.since),
                cause=Cause.AGENT,
                note=note,
            )
        )
    return told
