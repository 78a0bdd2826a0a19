"""Alerts, transitions and policies by hand."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.model.alerts import Alert, AlertClass, Change, Severity, Transition
from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.paging.dispatch import Dispatch
from coalmine_aggregator.paging.order import Made, Order, Recipients
from coalmine_aggregator.paging.policy import PagingPolicy, Traits
from coalmine_aggregator.paging.silence import Silence

NOW = 1_764_000_000.0  # 2025-11-24 16:00:00 UTC, a Monday

RECEIVERS = {
    "chat": Traits(takes_groups=True),
    "pager": Traits(),
    "mail": Traits(address="mail"),
    "sms": Traits(frozenset({Change.OPENED, Change.CLOSED}), "phone"),
    "voice": Traits(frozenset({Change.OPENED}), "phone"),
}


def alert(
    number: int = 1,
    alert_class: AlertClass = AlertClass.LOSS,
    severity: Severity = Severity.PAGE,
    *,
    service: str = "ingest",
    ordinal: int = 1,
    handle: str = "",
    opened_at: float = NOW,
    equivalents: tuple[dict[str, str], ...] = (),
    **scope: str,
) -> Alert:
    return Alert(
        number=number,
        fleet="test",
        service=service,
        alert_class=alert_class,
        ordinal=ordinal,
        severity=severity,
        scope=scope_of(scope),
        since=int(opened_at) - 3,
        opened_at=opened_at,
        closed_at=None,
        counts=NOTHING,
        beside=NOTHING,
        window_s=2,
        acceptable_loss=0.001,
        owner="ingest-oncall",
        playbook="",
        equivalents=tuple(scope_of(each) for each in equivalents),
        handle=handle,
    )


def opened(of: Alert, at: float = NOW) -> Transition:
    return Transition(Change.OPENED, at, of)


def changed(of: Alert, at: float = NOW) -> Transition:
    return Transition(Change.CHANGED, at, of)


def acknowledged(of: Alert, at: float = NOW) -> Transition:
    return Transition(Change.ACKNOWLEDGED, at, of._replace(acknowledged_at=at, acknowledged_by="anna"))


def closed(of: Alert, at: float = NOW) -> Transition:
    return Transition(Change.CLOSED, at, of._replace(closed_at=at))


def dispatch(
    policy: PagingPolicy | None = None,
    standing: Sequence[Transition] = (),
    made: Sequence[Made] = (),
    silences: Sequence[Silence] = (),
    now: float = NOW,
) -> Dispatch:
    return Dispatch(policy or PagingPolicy(RECEIVERS), standing, made, silences, now)


def made(order: Order, at: float) -> Made:
    """What an outbox remembers of an order."""
    of = order.transition.alert
    return Made(of.number, of.severity, order.receiver, order.to, order.step, order.repeat, at)


Told = tuple[Change, str, str, int, int]


def told(orders: Sequence[Order]) -> list[Told]:
    return [(each.transition.change, each.receiver, each.to, each.step, each.repeat) for each in orders]


def told_by(recipients: Sequence[Recipients]) -> list[Told]:
    return [each for recipient in recipients for each in told(recipient.orders)]


def hearing(orders: Sequence[Order], change: Change = Change.OPENED) -> set[str]:
    """Who hears of a change, as `receiver` or `receiver:person`."""
    return {
        f"{each.receiver}:{each.to}" if each.to else each.receiver
        for each in orders
        if each.transition.change is change
    }
