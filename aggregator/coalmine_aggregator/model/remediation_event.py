"""What became of nodes: the log of remediation. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class RemediationKind(StrEnum):
    """What happened."""

    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    HELD = "held"  # a rail began to hold a node
    FROZEN = "frozen"
    THAWED = "thawed"
    VERIFIED = "verified"  # loss fell after a withdrawal
    REVERTED = "reverted"  # it did not: the node was returned
    PINNED = "pinned"
    RELEASED = "released"
    STOPPED = "stopped"
    RESUMED = "resumed"


class RemediationEvent(NamedTuple):
    """One line of the log. `node` is empty where it concerns the service, `service` where it concerns
    all. `rail` names the rail that held or decided, `text` is for people, `evidence` what was known:
    lines such as `web-3 (own): bad, 12 of 18 in 3 s, failing udp`. `by` is who did it, empty for
    Coalmine. `dry_run` says that nothing was done."""

    kind: RemediationKind
    at: float
    service: str
    node: str = ""
    rail: str = ""
    text: str = ""
    evidence: tuple[str, ...] = ()
    by: str = ""
    dry_run: bool = False
