"""The API's answers to people on duty: silences, rotas, the weekly review. Pure.

The same promises hold as in `answers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.review import Numbers, Review, Spread
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.paging.turns import turn_at
from coalmine_aggregator.web.alert_answers import AlertItem
from coalmine_aggregator.web.answers import Answer


class AlertAnswer(Answer):
    """An alert as it stands after what was done."""

    now: float
    alert: AlertItem


class MatchItem(Answer, rename={"class_": "class"}):
    """Which alerts: all of it must fit, what is empty fits every alert. `service` and `location` may be
    globs with * and ?, one of which must fit; so may the values of `labels`, all of which must. An
    alert that reaches further than what is named never fits."""

    service: list[str]
    class_: list[str]
    severity: list[str]
    location: list[str]
    labels: dict[str, str]


class SilenceItem(Answer):
    """Alerts that nobody is told of from `starts_at` until before `ends_at`, or `ended_at`, when
    `ended_by` ended it. `kind` is silence, or maintenance where work was planned; `state` is pending,
    active or over; `takes` is how many of the alerts that are open now it is about.
    `public` is what customers read of a maintenance on the status page; empty: nothing."""

    id: str
    kind: str
    state: str
    match: MatchItem
    who: str
    why: str
    starts_at: float
    ends_at: float
    created_at: float
    ended_at: float | None
    ended_by: str
    takes: int
    public: str


class SilenceAnswer(Answer):
    """A silence as it stands after what was done; of a preview its `id` is empty."""

    now: float
    silence: SilenceItem


class Silences(Answer):
    """`/api/v1/silences`: those that hold, or will; and of the last seven days those that are `over`,
    as they began."""

    now: float
    silences: list[SilenceItem]
    over: list[SilenceItem]


class TurnItem(Answer):
    """Who is on call by a rota, until when, and who is next: None and empty where nobody else is."""

    rota: str
    zone: str
    person: str
    until: float | None
    following: str


class OnCall(Answer):
    """`/api/v1/oncall`: every rota of the configuration."""

    now: float
    rotas: list[TurnItem]


class SpreadItem(Answer):
    """Of some lengths of time, in seconds."""

    median_s: float
    p90_s: float


class NumbersItem(Answer):
    """`pages` were told to somebody, `held` pages to nobody; the rest is of `pages` alone.

    `to_acknowledge` is from the first message, `to_resolve` from the opening; None where none was
    acknowledged or closed. Of `answered` alerts people said whether there was anything to do, and of
    `actionable` of these that there was; `actionable_share` is of those answered, None for none.
    """

    pages: int
    held: int
    acknowledged: int
    to_acknowledge: SpreadItem | None
    resolved: int
    to_resolve: SpreadItem | None
    answered: int
    actionable: int
    actionable_share: float | None


class RuleItem(Answer, rename={"class_": "class"}):
    """The numbers of one service and class."""

    service: str
    class_: str
    numbers: NumbersItem


class ReviewAnswer(Answer, rename={"from_": "from"}):
    """`/api/v1/review`: of the pages that opened from `from` until before `to`: all together, and by
    rule, most pages first."""

    now: float
    from_: float
    to: float
    total: NumbersItem
    rules: list[RuleItem]


def silence_item(silence: Silence, open_alerts: Iterable[Alert], now: float) -> SilenceItem:
    """The silence as it is told."""
    state = "active" if silence.is_active(now) else "pending" if now < silence.starts_at else "over"
    return SilenceItem(
        id=silence.id,
        kind=str(silence.kind),
        state="over" if silence.over_at <= now else state,
        match=_match_item(silence.match),
        who=silence.who,
        why=silence.why,
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        created_at=silence.created_at,
        ended_at=silence.ended_at,
        ended_by=silence.ended_by,
        takes=sum(silence.match.takes(alert) for alert in open_alerts),
        public=silence.public,
    )


def turn_items(rotas: Mapping[str, Rota], now: float) -> list[TurnItem]:
    """Who is on call, by name of the rota."""
    items = []
    for name, rota in sorted(rotas.items()):
        turn = turn_at(rota, now)
        items.append(TurnItem(name, rota.zone.key, turn.person, turn.until, turn.following))
    return items


def review_answer(review: Review, now: float, first: float, end: float) -> ReviewAnswer:
    """The review as it is told."""
    return ReviewAnswer(
        now=now,
        from_=first,
        to=end,
        total=_numbers_item(review.total),
        rules=[
            RuleItem(rule.service, str(rule.alert_class), _numbers_item(numbers))
            for rule, numbers in review.rules
        ],
    )


def _match_item(match: Match) -> MatchItem:
    return MatchItem(
        list(match.services),
        _words(match.classes),
        _words(match.severities),
        list(match.locations),
        dict(match.labels),
    )


def _words(values: Sequence[str]) -> list[str]:
    return [str(value) for value in values]


def _numbers_item(numbers: Numbers) -> NumbersItem:
    return NumbersItem(
        pages=numbers.pages,
        held=numbers.held,
        acknowledged=numbers.acknowledged,
        to_acknowledge=_spread_item(numbers.to_acknowledge),
        resolved=numbers.resolved,
        to_resolve=_spread_item(numbers.to_resolve),
        answered=numbers.answered,
        actionable=numbers.actionable,
        actionable_share=numbers.actionable_share,
    )


def _spread_item(spread: Spread | None) -> SpreadItem | None:
    return None if spread is None else SpreadItem(spread.median_s, spread.p90_s)
