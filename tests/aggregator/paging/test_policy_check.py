"""What a policy must hold to, told with the place in the configuration."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.inhibition import Inhibition
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.policy import Group, PagingPolicy, Route
from coalmine_aggregator.paging.policy_check import PolicyError, check
from coalmine_aggregator.paging.rota import Override, Rota
from coalmine_aggregator.paging.target import Target
from tests.aggregator.paging.alerts import RECEIVERS

UTC = ZoneInfo("UTC")
PEOPLE = {"anna": Person("anna@example.com", "+353100"), "ben": Person("ben@example.com")}
ROTAS = {"oncall": Rota(("anna", "ben"), UTC, date(2026, 1, 6))}
CHAT, MAIL, SMS = Target("chat"), Target("mail", "oncall"), Target("sms", "anna")
GOOD = PagingPolicy(
    RECEIVERS,
    (
        Route(
            Match(services=("ingest",)),
            (CHAT, MAIL),
            Hours((0, 1), time(9), time(17), UTC),
            Group(("service", "region"), 30),
            "late",
        ),
    ),
    {"late": Policy((Step(600, (SMS,)),))},
    ROTAS,
    PEOPLE,
    fallback=(MAIL,),
)


def test_a_good_one_passes() -> None:
    check(GOOD)
    check(PagingPolicy(RECEIVERS))


def with_route(**fields: object) -> PagingPolicy:
    return GOOD._replace(routes=(GOOD.routes[0]._replace(**fields),))  # type: ignore[arg-type]


OVERRIDE = Override("zoe", datetime(2026, 1, 1), datetime(2026, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (with_route(to=(CHAT, Target("pigeon"))), "routes[0].to[1]: no receiver 'pigeon'"),
        (with_route(to=(Target("mail"),)), "routes[0].to[0]: receiver 'mail' needs a person or a rota"),
        (with_route(to=(Target("mail", "zoe"),)), "routes[0].to[0]: no person and no rota 'zoe'"),
        (
            with_route(to=(Target("chat", "anna"),)),
            "routes[0].to[0]: receiver 'chat' tells nobody in particular",
        ),
        (
            with_route(to=(Target("sms", "oncall"),)),
            "routes[0].to[0]: 'ben' has no phone, which 'sms' needs",
        ),
        (with_route(to=(CHAT,) * 51), "routes[0].to: 51 of them; there may be 50"),
        (with_route(to=()), "routes[0].to: is empty, so its escalation would never begin"),
        (with_route(escalation="early"), "routes[0].escalation: no escalation 'early'"),
        (with_route(match=Match(labels=(("x", "y"),))), "routes[0].match.labels: no label 'x'"),
        (with_route(hours=Hours((), time(9), time(17), UTC)), "routes[0].hours.days: must be some"),
        (with_route(group=Group(("colour",), 30)), "routes[0].group.by: no 'colour'; there are"),
        (with_route(group=Group(("service",), 3_601)), "routes[0].group.wait: must be 0 to 3600 s"),
        (
            GOOD._replace(escalations={"late": Policy((Step(600, (Target("sms"),)),))}),
            "escalations.late[0].to[0]: receiver 'sms' needs a person or a rota",
        ),
        (GOOD._replace(escalations={"late": Policy(())}), "escalations.late: has 0 steps"),
        (
            GOOD._replace(escalations={"late": Policy((Step(600, ()),))}),
            "escalations.late[0].to: is empty",
        ),
        (GOOD._replace(people={"anna": PEOPLE["anna"]}), "rotas.oncall: no person 'ben'"),
        (
            GOOD._replace(rotas={"anna": ROTAS["oncall"]}),
            "rotas.anna: is the name of a person too",
        ),
        (
            GOOD._replace(rotas={"oncall": ROTAS["oncall"]._replace(overrides=(OVERRIDE,))}),
            "rotas.oncall: no person 'zoe'",
        ),
        (
            GOOD._replace(rotas={"oncall": ROTAS["oncall"]._replace(people=())}),
            "rotas.oncall.people: is empty",
        ),
        (
            GOOD._replace(inhibit=(Inhibition((AlertClass.LOSS,), (AlertClass.CERTIFICATE,)),)),
            "inhibit[0].held: certificate is never held",
        ),
        (GOOD._replace(fallback=(Target("pigeon"),)), "fallback[0]: no receiver 'pigeon'"),
        (
            PagingPolicy({"sms": RECEIVERS["sms"]}),
            "fallback: is needed, as every receiver needs a person or a rota",
        ),
        (
            GOOD._replace(people={f"p{n}": Person() for n in range(1_001)}),
            "people: 1001 of them; there may be 1000",
        ),
    ],
)
def test_the_first_thing_that_cannot_be_is_told_with_its_place(
    policy: PagingPolicy, error: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        check(policy)
    assert str(caught.value).startswith(error)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.what}"


def test_every_step_of_every_escalation_has_a_number_that_longer_ones_do_not_move() -> None:
    short = PagingPolicy(RECEIVERS, escalations={"a": Policy(()), "b": Policy(())})
    longer = PagingPolicy(RECEIVERS, escalations={"a": Policy((Step(1, ()),) * 20), "b": Policy(())})
    for policy in (short, longer):
        assert [policy.step_number("a", place) for place in (0, 19)] == [1, 20]
        assert policy.step_number("b", 0) == 21
