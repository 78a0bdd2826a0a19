"""By which rules nodes are taken out of service discovery. Pure."""

from __future__ import annotations

from typing import NamedTuple


class RemediationPolicy(NamedTuple):
    """One service's rules; the same for all that opted in. The defaults are those of the configuration.

    Out at once may be at most max(1, `max_fraction` of the nodes), and never more than `max_nodes`, of
    the service and of each zone; at least `floor` nodes of the service stay; at most `per_minute` are
    withdrawn in any 60 s. `quorum` vantages must agree that a node has failed; 1 takes the word of a
    single one.

    Seconds: evidence older than `stale_s` is no opinion; a failed node is returned after `recovery_s`
    of good evidence, and not before it was out for `hold_s`, doubled with each repeat up to
    `max_hold_s`; a repeat is one within `forget_s` of its last return. A withdrawn node is drained for
    `drain_s` before it is called down. A withdrawal that outputs keep under a lease ends `lease_s`
    after we last said it. Where a service had significant loss when a node was withdrawn, it must have
    fallen by half within `verify_s`, or the node is returned and people are paged.
    """

    dry_run: bool = True
    max_fraction: float = 0.1
    max_nodes: int = 10
    floor: int = 2
    per_minute: int = 2
    quorum: int = 2
    stale_s: float = 10.0
    recovery_s: float = 30.0
    hold_s: float = 60.0
    max_hold_s: float = 3600.0
    forget_s: float = 86_400.0
    drain_s: float = 10.0
    lease_s: float = 20.0
    verify_s: float = 60.0

    def most_out(self, nodes: int) -> int:
        """How many of so many nodes may be out at once."""
        return min(max(1, int(self.max_fraction * nodes + 1e-9)), self.max_nodes)
