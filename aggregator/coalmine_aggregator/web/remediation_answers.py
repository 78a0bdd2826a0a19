"""The API's answers about remediation. Pure.

The same promises hold as in `answers`. Lists of nodes are bounded, the ones that somebody should look
at first; their totals are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from coalmine_aggregator.actuate.differing import what_is_wrong
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.model.pin import Pin
from coalmine_aggregator.model.remediation_log import LoggedEvent
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Held, Wanted, Withdrawal
from coalmine_aggregator.remediate.remediator import Watched
from coalmine_aggregator.web.answers import Answer
from coalmine_aggregator.web.remediation_desk import RemediationDesk
from coalmine_aggregator.web.remediation_line import RemediationLine, line_of, mode_of

MAX_NODES: Final = 500
"""Of all services together; each is told its share."""

MAX_SIGHTS: Final = 12
MAX_TEXT: Final = 1_000
MAX_OUT: Final = 200

_NOBODY: Final = Watched((), {})
_OPINIONS: Final = {Opinion.BAD: 0, Opinion.DOUBTFUL: 1, Opinion.NONE: 2, Opinion.GOOD: 3}


class StopItem(Answer):
    """Who stopped all of it and why; `at` is None where that is not known. `unwritten` says why a
    restart would forget it, and is empty where it would not."""

    by: str
    why: str
    at: float | None
    unwritten: str


class RulesItem(Answer):
    """The rules of a service, as the configuration has them; times in seconds. `most_out` is how many
    of its nodes may be out at once, None where these are not known."""

    dry_run: bool
    max_fraction: float
    max_nodes: int
    floor: int
    per_minute: int
    quorum: int
    stale_s: float
    recovery_s: float
    hold_s: float
    max_hold_s: float
    drain_s: float
    lease_s: float
    verify_s: float
    most_out: int | None


class SightItem(Answer):
    """What one vantage holds of a node: `opinion` is good, doubtful, bad or none (it has none); `own`
    is the agent on the node itself. `bad` of `judged` datapoints in `window_s` seconds; `failing`
    names endpoints."""

    host: str
    own: bool
    opinion: str
    judged: int
    bad: int
    window_s: int
    failing: list[str]


class NodeItem(Answer):
    """A node: `verdict`, which it has since the slot `since`, is healthy, suspect, failed, recovering
    or unknown; `good_since` the slot from which on a quorum saw nothing bad. `text` says why.
    `sights_total` counts vantages, also beyond those told."""

    node: str
    region: str
    zone: str
    verdict: str
    since: int
    good_since: int | None
    text: str
    sights: list[SightItem]
    sights_total: int


class WithdrawalItem(Answer):
    """A node that is out, or in a dry run would be: `phase` is drain or down, `by` who pinned it out;
    it does not come back before `hold_until`."""

    node: str
    zone: str
    since: float
    phase: str
    hold_until: float
    repeats: int
    why: str
    by: str


class HeldItem(Answer):
    """A node that would be withdrawn if the rail did not hold it."""

    node: str
    rail: str
    text: str


class VerifyingItem(Answer):
    """A withdrawal that must have helped by `until`, or the node comes back."""

    node: str
    since: float
    until: float


class ServiceItem(Answer):
    """A service that opted in. `mode` is acting, dry_run, standby or stopped. `nodes_total` counts its
    nodes, 0 where nobody knows them: then nothing is decided. `frozen` says why nobody is withdrawn
    though many look bad, and is empty otherwise."""

    service: str
    mode: str
    rules: RulesItem
    nodes: list[NodeItem]
    nodes_total: int
    withdrawn: list[WithdrawalItem]
    held: list[HeldItem]
    held_total: int
    frozen: str
    verifying: list[VerifyingItem]


class OutputItem(Answer):
    """Where it is said who is out. `out` is what was confirmed there at `confirmed_at`, by service;
    None where that cannot be known. `trouble` says what is wrong, `differs` what is in force there that
    is not wanted; both are empty where all is well."""

    name: str
    out: dict[str, list[str]] | None
    confirmed_at: float | None
    trouble: str
    differs: str


class PinItem(Answer):
    """A person's word on a node: `state` is in or out."""

    service: str
    node: str
    state: str
    by: str
    why: str
    at: float


class RemediationAnswer(Answer):
    """`/api/v1/remediation`: what is decided, why, and what is in force. `line` says all of it in one
    sentence. `holder` says that this aggregator of a pair is the one that acts, `peer` names the other,
    empty without one."""

    now: float
    line: RemediationLine
    mode: str
    stopped: StopItem | None
    holder: bool
    peer: str
    services: list[ServiceItem]
    outputs: list[OutputItem]
    pins: list[PinItem]


class ControlsAnswer(Answer):
    """What people say, after somebody said something."""

    now: float
    stopped: StopItem | None
    pins: list[PinItem]


class RemediationLogItem(Answer):
    """A line of the log. `kind` is withdrawn, restored, held, frozen, thawed, verified, reverted,
    pinned, released, stopped or resumed. `node` is empty where it concerns the service, `service` where
    it concerns all; `by` is who did it, empty for Coalmine."""

    number: int
    kind: str
    at: float
    service: str
    node: str
    rail: str
    text: str
    evidence: list[str]
    by: str
    dry_run: bool


class RemediationLog(Answer, rename={"next_": "next"}):
    """`/api/v1/remediation/log`: the newest first. `next` is what to give as `after` for more of these,
    None at the end."""

    now: float
    events: list[RemediationLogItem]
    next_: str | None


def remediation_answer(desk: RemediationDesk, now: float, service: str | None) -> RemediationAnswer:
    """All of it, or of the service alone."""
    names = list(desk.rules) if service is None else [service]
    watched, wanted, share = desk.watched(), desk.wanted, max(10, MAX_NODES // len(names))
    return RemediationAnswer(
        now=now,
        line=line_of(desk),
        mode=str(mode_of(desk)),
        stopped=_stop_item(desk),
        holder=desk.holds,
        peer=desk.peer,
        services=[
            _service_item(desk, name, watched.get(name, _NOBODY), wanted.get(name), share)
            for name in names
        ],
        outputs=[_output_item(each, wanted, names) for each in desk.standings()],
        pins=[_pin_item(each) for each in desk.pins if each.service in names],
    )


def controls_answer(desk: RemediationDesk, now: float) -> ControlsAnswer:
    """What people say."""
    return ControlsAnswer(now, _stop_item(desk), [_pin_item(each) for each in desk.pins])


def log_item(logged: LoggedEvent) -> RemediationLogItem:
    """A line of the log as it is told."""
    event = logged.event
    return RemediationLogItem(
        number=logged.number,
        kind=str(event.kind),
        at=event.at,
        service=event.service,
        node=event.node,
        rail=event.rail,
        text=event.text,
        evidence=list(event.evidence),
        by=event.by,
        dry_run=event.dry_run,
    )


def _service_item(
    desk: RemediationDesk, name: str, watched: Watched, wanted: Wanted | None, most: int
) -> ServiceItem:
    rules = desk.rules[name]
    out, held = (wanted.out, wanted.held) if wanted is not None else ((), ())
    pinned = {pin.node for pin in desk.pins if pin.service == name}
    notable = {each.node for each in out} | {each.node for each in held} | pinned
    views = sorted(watched.views, key=lambda view: _rank(view, notable))
    return ServiceItem(
        service=name,
        mode=str(mode_of(desk, name) if wanted is None else wanted.mode),
        rules=_rules_item(rules, len(watched.views)),
        nodes=[_node_item(view) for view in views[:most]],
        nodes_total=len(watched.views),
        withdrawn=[_withdrawal_item(each) for each in out[:MAX_OUT]],
        held=[_held_item(each) for each in held[:most]],
        held_total=len(held),
        frozen="" if wanted is None else wanted.frozen[:MAX_TEXT],
        verifying=[
            VerifyingItem(node, since, since + rules.verify_s)
            for node, since in sorted(watched.verifying.items())[:MAX_OUT]
        ],
    )


def _rank(view: NodeView, notable: Iterable[str]) -> tuple[bool, bool, str]:
    return view.node not in notable, view.verdict is Verdict.HEALTHY, view.node


def _node_item(view: NodeView) -> NodeItem:
    sights = sorted(view.sights, key=lambda each: (_OPINIONS[each.opinion], not each.own, each.host))
    return NodeItem(
        node=view.node,
        region=view.region,
        zone=view.zone,
        verdict=str(view.verdict),
        since=view.since,
        good_since=view.good_since,
        text=view.text[:MAX_TEXT],
        sights=[_sight_item(each) for each in sights[:MAX_SIGHTS]],
        sights_total=len(sights),
    )


def _sight_item(sight: Sight) -> SightItem:
    return SightItem(
        host=sight.host,
        own=sight.own,
        opinion=str(sight.opinion),
        judged=sight.judged,
        bad=sight.bad,
        window_s=sight.window_s,
        failing=list(sight.failing),
    )


def _withdrawal_item(each: Withdrawal) -> WithdrawalItem:
    return WithdrawalItem(
        node=each.node,
        zone=each.zone,
        since=each.since,
        phase=str(each.phase),
        hold_until=each.hold_until,
        repeats=each.repeats,
        why=each.why[:MAX_TEXT],
        by=each.by,
    )


def _held_item(held: Held) -> HeldItem:
    return HeldItem(held.node, held.rail, held.text[:MAX_TEXT])


def _rules_item(rules: RemediationPolicy, nodes: int) -> RulesItem:
    told = {name: value for name, value in rules._asdict().items() if name != "forget_s"}
    return RulesItem(**told, most_out=rules.most_out(nodes) if nodes else None)


def _output_item(
    standing: Standing, wanted: Mapping[str, Wanted], services: Sequence[str]
) -> OutputItem:
    out = standing.out
    ours = {name: word for name, word in wanted.items() if name in services}
    return OutputItem(
        name=standing.name,
        out=None
        if out is None
        else {name: list(out[name][:MAX_OUT]) for name in services if name in out},
        confirmed_at=standing.confirmed_at,
        trouble=standing.trouble[:MAX_TEXT],
        differs=what_is_wrong(standing._replace(trouble=""), ours),
    )


def _pin_item(pin: Pin) -> PinItem:
    return PinItem(pin.service, pin.node, str(pin.state), pin.by, pin.why, pin.at)


def _stop_item(desk: RemediationDesk) -> StopItem | None:
    stop = desk.stopped
    if stop is None:
        return None
    return StopItem(stop.by, stop.why, stop.at or None, desk.unwritten[:MAX_TEXT])
