"""One turn of one service while it is being decided: who is out, and what is told of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Verdict
from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Phase, Withdrawal
from coalmine_aggregator.remediate import evidence
from coalmine_aggregator.remediate.balance import significant
from coalmine_aggregator.remediate.memory import (
    MOST_PAST,
    MOST_TEXT,
    Check,
    Gone,
    Memory,
    Out,
    Past,
    Place,
)
from coalmine_aggregator.remediate.pool import Pool
from coalmine_aggregator.remediate.turn import Controls, Situation

_MOST_REPEATS: Final = 60  # doublings: any hold is at its greatest long before


def hold_s(policy: RemediationPolicy, repeats: int) -> float:
    """How long a node stays out at least that had been out so often before."""
    return min(policy.hold_s * 2.0 ** min(repeats, _MOST_REPEATS), policy.max_hold_s)


class Board:
    """Takes a memory that is up to date with the situation; `memory` is what comes of it. `views` are
    the nodes of the roster by name, `pins` the pins of the service by node."""

    def __init__(
        self,
        memory: Memory,
        situation: Situation,
        controls: Controls,
        policy: RemediationPolicy,
        acceptable_loss: float,
    ) -> None:
        self.now = situation.now
        self.service = situation.service
        self.policy = policy
        self.controls = controls
        self.run = memory.run
        self.views: Mapping[str, NodeView] = {view.node: view for view in situation.nodes or ()}
        self.pool = Pool.of(list(self.views.values()), policy)
        self.pins: Mapping[str, Pin] = {
            pin.node: pin for pin in controls.pins if pin.service == situation.service
        }
        self.losses: Sequence[Finding] = [
            each for each in situation.losses if each.service == situation.service
        ]
        self.apart = situation.apart
        self.out = dict(memory.out)
        self.events: list[RemediationEvent] = []
        self.returned: set[str] = set()
        self._acceptable_loss = acceptable_loss
        self._gone = dict(memory.gone)
        self._past = dict(memory.past)
        self._checks = dict(memory.checks)
        self._recent = list(memory.recent)
        self._memory = memory

    @property
    def taken(self) -> dict[str, Place]:
        """All that are out, or may still be taken to be, with where they stand."""
        places = {node: gone.place for node, gone in self._gone.items()}
        places |= {node: out.place for node, out in self.out.items()}
        return {node: self.pool.standing(node, place) for node, place in places.items()}

    @property
    def recent(self) -> Sequence[float]:
        """When the last ones were withdrawn."""
        return self._recent

    @property
    def past(self) -> Mapping[str, Past]:
        """What is known of those that had been out."""
        return self._past

    @property
    def checks(self) -> Mapping[str, Check]:
        """Which withdrawals must still show that they help."""
        return self._checks

    def seen(self, slot_is_new: bool) -> None:
        """Of those that are out: who has pinned them, and whether anything is known of them. For one
        that is pinned a person knows, as long as it is in the roster. What was not known for a lease
        has ended, and is not known again."""
        for node, out in self.out.items():
            pin, view = self.pins.get(node), self.views.get(node)
            by = pin.by if pin is not None and pin.state is PinState.OUT else ""
            known_at, failed_at = out.known_at, out.failed_at
            if view is not None and self.now - known_at < self.policy.lease_s:
                if by or not out.auto or (slot_is_new and view.verdict is not Verdict.UNKNOWN):
                    known_at = self.now
                if slot_is_new and view.verdict is Verdict.FAILED:
                    failed_at = self.now
            self.out[node] = replace(out, by=by, known_at=known_at, failed_at=failed_at)

    def withdraw(self, view: NodeView, pin: Pin | None = None) -> None:
        """A node goes."""
        repeats = 0 if pin else self._repeats(view.node)
        why = (view.text if pin is None else f"pinned out by {pin.by}: {pin.why}")[:MOST_TEXT]
        loss = significant(self.run.balanced, self._acceptable_loss)
        self.out[view.node] = Out(
            since=self.now,
            hold_until=self.now + (0.0 if pin else hold_s(self.policy, repeats)),
            known_at=self.now,
            failed_at=self.now,
            region=view.region,
            zone=view.zone,
            repeats=repeats,
            why=why,
            by=pin.by if pin else "",
            auto=pin is None,
        )
        self._gone.pop(view.node, None)
        self._recent.append(self.now)
        # In a dry run nothing was done, so that nothing can show.
        if loss is not None and pin is None and not self.policy.dry_run:
            self._checks[view.node] = Check(self.now, loss)
        rail = "pinned" if pin else ""
        self.say(RemediationKind.WITHDRAWN, view.node, rail, why, by=pin.by if pin else "")

    def bring_back(
        self,
        node: str,
        rail: str,
        text: str,
        kind: RemediationKind = RemediationKind.RESTORED,
        held_in_s: float = 0.0,
        by: str = "",
    ) -> None:
        """A node comes back. `rail` is the one that brings it back, empty where it has recovered;
        `held_in_s` for how long it is not withdrawn again."""
        out = self.out[node]
        self.say(kind, node, rail, text, by=by)
        del self.out[node]
        self._checks.pop(node, None)
        self._gone[node] = Gone(self.now, out.region, out.zone)
        if out.auto:
            self._past[node] = Past(self.now, out.repeats, self.now + held_in_s if held_in_s else 0.0)
        self.returned.add(node)

    def checked(self, node: str, text: str) -> None:
        """A withdrawal has helped."""
        del self._checks[node]
        self.say(RemediationKind.VERIFIED, node, "", text)

    def unchecked(self, node: str) -> None:
        """Nobody needs to know any more whether it helped."""
        del self._checks[node]

    def say(
        self,
        kind: RemediationKind,
        node: str,
        rail: str,
        text: str,
        lines: Sequence[str] | None = None,
        by: str = "",
    ) -> None:
        """For the log, with the evidence on the node, or with those lines."""
        if lines is None:
            lines = evidence.of_node(
                self.views.get(node), self._naming(node), self.run.balanced, self._count()
            )
        self.events.append(
            RemediationEvent(
                kind,
                self.now,
                self.service,
                node,
                rail,
                text[:MOST_TEXT],
                tuple(lines),
                by,
                self.policy.dry_run,
            )
        )

    def withdrawals(self) -> tuple[Withdrawal, ...]:
        """Who of the roster is out, the one that is out longest first."""
        found = [
            Withdrawal(
                self.service,
                node,
                self.pool.standing(node, out.place)[1],
                out.since,
                Phase.DOWN if self.now - out.since >= self.policy.drain_s else Phase.DRAIN,
                out.hold_until,
                out.repeats,
                out.why,
                out.by,
            )
            for node, out in self.out.items()
            if node in self.views
        ]
        return tuple(sorted(found, key=lambda each: (each.since, each.node)))

    @property
    def memory(self) -> Memory:
        """As it stands."""
        return replace(
            self._memory,
            at=self.now,
            out=self.out,
            gone=self._gone,
            past=self._remembered(),
            recent=self._recent,
            checks=self._checks,
        )

    def _repeats(self, node: str) -> int:
        past = self._past.get(node)
        if past is None or self.now - past.at > self.policy.forget_s:
            return 0
        return past.repeats + 1

    def _remembered(self) -> dict[str, Past]:
        """Without what is long ago, and without nodes that have left, once the roster is steady."""
        steady = bool(self.views) and self.run.slots > self.run.grew
        kept = {
            node: past
            for node, past in self._past.items()
            if self.now < max(past.at + self.policy.forget_s, past.held_in_until)
            and (node in self.views or node in self._gone or not steady)
        }
        if len(kept) > MOST_PAST:
            newest = sorted(kept, key=lambda node: kept[node].at)[-MOST_PAST:]
            kept = {node: kept[node] for node in newest}
        return kept

    def _naming(self, node: str) -> list[Finding]:
        """The losses, those first that name the node."""

        def others(loss: Finding) -> bool:
            return not any(("node", node) in scope for scope in (loss.scope, *loss.equivalents))

        return sorted(self.losses, key=others)

    def _count(self) -> str:
        out = sum(node in self.views for node in self.out)
        return f"{out} of {len(self.views)} nodes out, at most {self.pool.most} may be"
