"""The API's answers about alerts: what is open, what was, and why. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from coalmine_aggregator.model.alert_headline import alert_headline
from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.explanation import ScopeScore, Statistic
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.paging.order import Hold
from coalmine_aggregator.web.answers import Answer, Sums, finite, sums_of
from coalmine_aggregator.web.told_answers import HeldItem, ToldItem, held_item

MAX_CHANGES = 200
"""Changes that one explanation tells: the opening, and the newest."""


class ReachItem(Answer):
    """Of the `total` values that a label has in the scope, so many are touched: 22 of 44 hosts."""

    label: str
    affected: int
    total: int


class AlertItem(Answer, rename={"alert_class": "class"}):
    """One alert. `sums` are those of the scope over the `window_s` that decided, `beside` those of
    the rest of the service over the same slots, `total` those of the scope since `since`, the first
    slot with loss; `total` is kept exact while late reports revise it, also after the end.

    `headline` is what is wrong in a sentence, without its point and without `since`. `equivalents` are
    scopes that name the very same series. `cause` is whose fault it is: service, network, agent,
    receipt_path or unknown; `effect` the fate that most bad datapoints ended in, empty where the class
    is not about fates; `note` a sentence with what the fields cannot say. `folded_into` is the id of
    the wider alert that took this one in when it closed. `steps` are the first things to do, `playbook`
    links to the rest. `reach` counts the places and machines of the scope that were touched.

    `acknowledged_at` and `acknowledged_by` say since when who works on it, None and empty for nobody.
    `actionable` is what people answered after its end: whether there was anything to do; None for no
    answer. `held` says why nobody is told of an open alert now, None where that is not so.
    `incident` is the number of its incident; None where it has none, or where that ended long ago.
    """

    number: int
    id: str
    state: str
    service: str
    alert_class: str
    severity: str
    headline: str
    scope: dict[str, str]
    scope_text: str
    equivalents: list[dict[str, str]]
    cause: str
    effect: str
    note: str
    since: int
    opened_at: float
    closed_at: float | None
    sums: Sums
    beside: Sums
    total: Sums
    window_s: int
    acceptable_loss: float
    folded_into: str
    owner: str
    playbook: str
    steps: list[str]
    reach: list[ReachItem]
    acknowledged_at: float | None
    acknowledged_by: str
    actionable: bool | None
    held: HeldItem | None
    incident: int | None


class Alerts(Answer, rename={"next_": "next"}):
    """`/api/v1/alerts`: the open ones, the oldest first, and closed ones, those that closed last first.
    `next` is what to give as `after` for more of these, None at the end."""

    now: float
    open: list[AlertItem]
    recent: list[AlertItem]
    next_: str | None


class StatisticItem(Answer):
    """One detector's statistic beside its threshold when it decided. `alternative` is the bad fraction
    that it was looking for; `judged` and `bad` are what the newest slots brought. A number that is not
    finite is None.
    """

    name: str
    scope: dict[str, str]
    scope_text: str
    value: float | None
    threshold: float | None
    alternative: float | None
    judged: int
    bad: int


class CandidateItem(Answer):
    """A set of scopes that together could explain the counts, with its penalised log likelihood."""

    scopes: list[dict[str, str]]
    text: str
    score: float | None


class ChangeItem(Answer):
    """One change (`opened`, `changed`, `acknowledged`, `closed`) at `at`, with the alert as it stood
    afterwards.

    The slots from `first_slot` to `last_slot` were looked at, None where none were. `candidates` are
    the best sets of scopes, the chosen one first. `facts` are further findings, by name.
    """

    change: str
    at: float
    alert: AlertItem
    first_slot: int | None
    last_slot: int | None
    statistics: list[StatisticItem]
    candidates: list[CandidateItem]
    facts: dict[str, str]


class Explained(Answer):
    """`/api/v1/alerts/{id}/explain`: the alert as it stands, and every change with its evidence, oldest
    first. Of very many changes those after the opening are left out and counted. `told` are the
    messages about it, the oldest first, of very many the newest. `incident` is the number of the one
    that it belongs to; None where it has none, or where that ended long ago.
    """

    now: float
    alert: AlertItem
    changes: list[ChangeItem]
    left_out: int
    told: list[ToldItem]
    incident: int | None


def alert_item(alert: Alert, hold: Hold | None = None, incident: int = 0) -> AlertItem:
    """The alert as it is told, what holds it if it is open, and the number of its incident, 0 for
    none."""
    return AlertItem(
        number=alert.number,
        id=alert.id,
        state="open" if alert.closed_at is None else "closed",
        service=alert.service,
        alert_class=str(alert.alert_class),
        severity=str(alert.severity),
        headline=alert_headline(alert),
        scope=dict(alert.scope),
        scope_text=describe(alert.scope),
        equivalents=[dict(scope) for scope in alert.equivalents],
        cause=str(alert.cause),
        effect=alert.effect,
        note=alert.note,
        since=alert.since,
        opened_at=alert.opened_at,
        closed_at=alert.closed_at,
        sums=sums_of(alert.counts),
        beside=sums_of(alert.beside),
        total=sums_of(alert.total),
        window_s=alert.window_s,
        acceptable_loss=alert.acceptable_loss,
        folded_into=alert.folded_into,
        owner=alert.owner,
        playbook=alert.playbook,
        steps=list(alert.steps),
        reach=[ReachItem(*each) for each in alert.reach],
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_by,
        actionable=alert.actionable,
        held=None if hold is None else held_item(hold),
        incident=incident or None,
    )


def explained(
    transitions: Sequence[Transition],
    standing: Iterable[Alert],
    now: float,
    *,
    holds: Mapping[int, Hold],
    told: Sequence[ToldItem],
    incident: int = 0,
) -> Explained:
    """What happened to one alert, oldest first and at least one thing; `standing` are alerts as they
    are now, whose counts are newer than those of the last change, `holds` what holds open ones, `told`
    the messages about this one, `incident` the number of its incident, 0 for none."""
    last = transitions[-1].alert
    newest = next((alert for alert in standing if alert.number == last.number), last)
    shown = list(transitions)
    if len(shown) > MAX_CHANGES:
        shown = [shown[0], *shown[len(shown) - MAX_CHANGES + 1 :]]
    return Explained(
        now=now,
        alert=alert_item(newest, holds.get(newest.number), incident),
        changes=[_change(each) for each in shown],
        left_out=len(transitions) - len(shown),
        told=list(told),
        incident=incident or None,
    )


def _change(transition: Transition) -> ChangeItem:
    why = transition.explanation
    facts: dict[str, str] = {}
    for name, fact in why.facts:
        facts[name] = f"{facts[name]}; {fact}" if name in facts else fact
    return ChangeItem(
        change=str(transition.change),
        at=transition.at,
        alert=alert_item(transition.alert),
        first_slot=why.first_slot or None,
        last_slot=why.last_slot or None,
        statistics=[_statistic(each) for each in why.statistics],
        candidates=[_candidate(each) for each in why.candidates],
        facts=facts,
    )


def _statistic(statistic: Statistic) -> StatisticItem:
    alternative = statistic.alternative
    return StatisticItem(
        name=statistic.name,
        scope=dict(statistic.scope),
        scope_text=describe(statistic.scope),
        value=finite(statistic.value),
        threshold=finite(statistic.threshold),
        alternative=None if alternative is None else finite(alternative),
        judged=statistic.judged,
        bad=statistic.bad,
    )


def _candidate(candidate: ScopeScore) -> CandidateItem:
    return CandidateItem(
        scopes=[dict(scope) for scope in candidate.scopes],
        text=" and ".join(describe(scope) for scope in candidate.scopes) or "no scope",
        score=finite(candidate.score),
    )
