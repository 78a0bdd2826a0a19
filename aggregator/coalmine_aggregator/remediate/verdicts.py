"""Verdicts over time: what nodes are, since when, and which have yet to prove their recovery. Pure.

bad by quorum                                             failed
fewer opinions than a quorum needs, or a shared name      unknown; what had failed is still to recover
had failed, good by quorum for less than `recovery_s`     recovering
had failed, neither good nor bad by quorum                suspect
otherwise                                                 suspect where anybody doubts, else healthy
"""

from __future__ import annotations

from typing import Final

import numpy as np

from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.quorum import Agreement
from coalmine_aggregator.remediate.vantage_detector import GOOD, NEVER, Opinions
from coalmine_aggregator.remediate.vantages import Ints, Vantages, where_were

VERDICTS: Final = (
    Verdict.UNKNOWN,
    Verdict.HEALTHY,
    Verdict.SUSPECT,
    Verdict.FAILED,
    Verdict.RECOVERING,
)
"""By the numbers that arrays carry."""

UNKNOWN, HEALTHY, SUSPECT, FAILED, RECOVERING = range(5)


class Verdicts:
    """All nodes of one service, as they were judged last. N as in `Vantages`.

    `verdict` int8[N] are numbers into `VERDICTS`, `since` int64[N] the first slots of the verdicts.
    `good_since` int64[N] is the slot from which on a quorum saw nothing bad, `NEVER` while none holds
    the node good. `to_recover` bool[N] says which have failed and have not been good for long enough
    since.
    """

    def __init__(self, vantages: Vantages, policy: RemediationPolicy) -> None:
        count = len(vantages.nodes)
        self._vantages, self._policy = vantages, policy
        self.verdict = np.full(count, UNKNOWN, dtype=np.int8)
        self.since: Ints = np.full(count, NEVER)
        self.good_since: Ints = np.full(count, NEVER)
        self.to_recover = np.zeros(count, dtype=np.bool_)

    def moved(self, vantages: Vantages) -> Verdicts:
        """The same over another set of nodes: what is in both goes on, the rest is forgotten."""
        new = Verdicts(vantages, self._policy)
        places = where_were(self._vantages.node_codes, vantages.node_codes)
        kept, came = np.flatnonzero(places >= 0), places[places >= 0]
        new.verdict[kept], new.since[kept] = self.verdict[came], self.since[came]
        new.good_since[kept], new.to_recover[kept] = self.good_since[came], self.to_recover[came]
        return new

    def judge(self, slot: int, agreed: Agreement, opinions: Opinions, clean: Ints) -> None:
        """What the vantages hold in a slot: `opinions` int8[V], and from when on those that are good
        saw nothing bad, `clean` int64[V]."""
        v = self._vantages
        known = agreed.enough & ~v.shared
        good = agreed.good & known
        started = good & (self.good_since == NEVER)
        if started.any():
            clean = np.where(opinions == GOOD, clean, NEVER)
            self.good_since[started] = np.maximum.reduceat(clean, v.first_vantage)[started]
        self.good_since[~good] = NEVER
        self.to_recover |= agreed.bad & known
        recovered = good & (slot - self.good_since >= self._policy.recovery_s)
        self.to_recover &= ~recovered
        verdict = np.where(agreed.doubted, np.int8(SUSPECT), np.int8(HEALTHY))
        verdict[self.to_recover] = SUSPECT
        verdict[self.to_recover & good] = RECOVERING
        verdict[agreed.bad] = FAILED
        verdict[~known] = UNKNOWN
        changed = (verdict != self.verdict) | (self.since == NEVER)
        self.since[changed] = slot
        self.verdict = verdict
