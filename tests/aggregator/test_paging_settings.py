"""The section `paging`, from YAML to what paging takes."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.hours import Hours
from coalmine_aggregator.paging.inhibition import INHIBIT, Inhibition
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.policy import Group, Route, Traits
from coalmine_aggregator.paging.rota import Override, Rota
from coalmine_aggregator.paging.target import Target
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.settings import ConfigError, SettingError, loads
from tests.aggregator.notify.receivers import SECRET, pagerduty, paging, webhook

NOTIFY = [
    *pagerduty("https://events.example/", "pagerduty"),
    *webhook("https://hooks.example/", "hook"),
]
DUBLIN = ZoneInfo("Europe/Dublin")

WHOLE = """
routes:
  - match:
      service: [ingest, "web-*"]
      class: [loss, late]
      severity: page
      location: [external]
      labels: {region: us-*}
    to: [pagerduty, {receiver: hook}]
    hours: {days: [mon, friday], from: "09:00", until: "17:00", zone: Europe/Dublin}
    group: {by: [service, region], wait: 45s}
    escalation: ingest
    continue: true
  - to: []
escalations:
  ingest: [{after: 10m, to: [hook]}, {after: 15m, to: [pagerduty], every: 5m, times: 12}]
rotas:
  ingest-rota:
    people: [anna, ben]
    zone: Europe/Dublin
    starts: 2026-11-24
    overrides: [{person: ben, from: 2026-12-24T10:00, until: 2026-12-26T10:00}]
people:
  anna: {mail: anna@example.com, phone: "+353 86 123 4567", names: {pagerduty: PXY}}
  ben: {}
inhibit: [{by: [loss], held: [late]}]
fallback: [hook]
"""


def test_everything_arrives() -> None:
    policy = paging(WHOLE).policy(NOTIFY)
    assert list(policy.receivers) == ["pagerduty", "hook"]
    assert policy.routes == (
        Route(
            Match(
                ("ingest", "web-*"),
                (AlertClass.LOSS, AlertClass.LATE),
                (Severity.PAGE,),
                ("external",),
                (("region", "us-*"),),
            ),
            (Target("pagerduty"), Target("hook")),
            Hours((0, 4), datetime.time(9), datetime.time(17), DUBLIN),
            Group(("service", "region"), 45.0),
            "ingest",
            goes_on=True,
        ),
        Route(),
    )
    assert policy.escalations == {
        "ingest": Policy(
            (Step(600.0, (Target("hook"),)), Step(900.0, (Target("pagerduty"),), 300.0, 12))
        )
    }
    christmas = Override(
        "ben",
        datetime.datetime(2026, 12, 24, 10),  # noqa: DTZ001
        datetime.datetime(2026, 12, 26, 10),  # noqa: DTZ001
    )
    assert policy.rotas == {
        "ingest-rota": Rota(
            ("anna", "ben"),
            DUBLIN,
            datetime.date(2026, 11, 24),
            1,
            datetime.time(10),
            (christmas,),
        )
    }
    assert policy.people == {
        "anna": Person("anna@example.com", "+353861234567", (("pagerduty", "PXY"),)),
        "ben": Person(),
    }
    assert policy.inhibit == (Inhibition((AlertClass.LOSS,), (AlertClass.LATE,)),)
    assert policy.fallback == (Target("hook"),)


def test_without_it_every_receiver_hears_of_everything() -> None:
    policy = paging("{}").policy(NOTIFY)
    assert (policy.routes, policy.inhibit, policy.fallback) == ((), INHIBIT, ())


def test_hours_may_last_all_day_and_all_week() -> None:
    (route,) = paging("routes: [{to: [hook], hours: {zone: UTC}}]").policy(NOTIFY).routes
    assert route.hours is not None
    assert route.hours.open_at(1_763_000_000.0)
    assert route.hours.days == tuple(range(7))


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("routes: [{to: [hok]}]", "paging.routes[0].to[0]", "hok"),
        ("routes: [{to: [{receiver: hook, to: anna}]}]", "paging.routes[0].to[0]", "nobody"),
        ("routes: [{to: [hook], escalation: x}]", "paging.routes[0].escalation", "x"),
        (
            "routes: [{to: [hook], match: {labels: {colour: red}}}]",
            "paging.routes[0].match.labels",
            "colour",
        ),
        ("escalations: {a: []}", "paging.escalations.a", "0 steps"),
        ("escalations: {a: [{after: 1m, to: [mail]}]}", "paging.escalations.a[0].to[0]", "mail"),
        ("rotas: {r: {people: [x], zone: UTC, starts: 2026-01-01}}", "paging.rotas.r", "'x'"),
        ("inhibit: [{by: [loss], held: [certificate]}]", "paging.inhibit[0].held", "never held"),
        ("people: {anna: {names: {pd: A}}}", "paging.people.anna.names", "'pd'"),
        ("fallback: [nobody]", "paging.fallback[0]", "nobody"),
    ],
)
def test_every_name_is_checked_at_its_place(text: str, key: str, what: str) -> None:
    with pytest.raises(SettingError, match=what) as caught:
        paging(text).policy(NOTIFY)
    assert caught.value.key == key


def test_a_kind_says_what_it_is_like() -> None:
    assert [entry.traits for entry in NOTIFY] == [Traits(), Traits()]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ("- to: [nobody]", "10: paging.routes[1].to[0]: no receiver 'nobody'"),
        ("- {to: [hook], escalation: night}", "10: paging.routes[1].escalation: no escalation 'night'"),
        ("- to:\n    - hook\n    - nobody", "12: paging.routes[1].to[1]: no receiver 'nobody'"),
    ],
)
def test_an_error_names_the_line_where_it_stands(wrong: str, place: str) -> None:
    text = f"""
fleet: prod
store: sqlite:////tmp/h.db
receive: {{udp: "127.0.0.1:9000"}}
services: {{ingest: {{}}}}
notify: [{{name: hook, webhook: {{url: "https://hooks.example/", secret: {SECRET}}}}}]
paging:
  routes:
  - to: [hook]
  {wrong.replace(chr(10), chr(10) + "  ")}
"""
    with pytest.raises(ConfigError) as caught:
        loads(AggregatorSettings, text, {}, "a.yaml")
    assert [str(each) for each in caught.value.problems] == [f"a.yaml:{place}"]
