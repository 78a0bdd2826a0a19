"""A policy whose rules are all there, and the times at which they matter."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from coalmine_aggregator.model.alerts import Change, Severity
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.policy import PagingPolicy, Route
from coalmine_aggregator.paging.rota import Rota
from coalmine_aggregator.paging.silence import Silence, SilenceKind
from coalmine_aggregator.paging.target import Target
from tests.aggregator.paging.alerts import NOW, RECEIVERS

UTC = ZoneInfo("UTC")
OPENED, CHANGED = Change.OPENED, Change.CHANGED
ACKNOWLEDGED, CLOSED = Change.ACKNOWLEDGED, Change.CLOSED
CHAT, PAGER, MAIL = Target("chat"), Target("pager"), Target("mail", "oncall")
TICKET = Severity.TICKET
HANDOVER = datetime(2025, 11, 25, 10, tzinfo=UTC).timestamp()  # a tuesday, 18 hours after NOW
# From Monday 17:00 on, an hour after NOW, until Tuesday 09:00 nobody is there.
OFFICE = Hours((0, 1, 2, 3, 4), time(9), time(17), UTC)
MORNING = datetime(2025, 11, 25, 9, tzinfo=UTC).timestamp()
EVENING = NOW + 3_600

LATE = Policy(
    (
        Step(600, (Target("sms", "oncall"),)),
        Step(900, (Target("voice", "oncall"),), 300, 12),
    )
)
POLICY = PagingPolicy(
    RECEIVERS,
    (Route(to=(PAGER, MAIL), escalation="late"),),
    {"late": LATE},
    {"oncall": Rota(("anna", "ben"), UTC, date(2025, 11, 18))},
)
TWO = PagingPolicy(RECEIVERS, (Route(to=(CHAT, PAGER)),))


def silence(
    end: float = NOW + 600, first: float = NOW, id_: str = "s1", kind: SilenceKind = SilenceKind.SILENCE
) -> Silence:
    return Silence(id_, kind, Match(services=("ingest",)), "anna", "known", first, end, NOW)
