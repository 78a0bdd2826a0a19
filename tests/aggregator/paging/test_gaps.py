"""What a configuration leaves open is told; one that leaves nothing open is quiet."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.policy import Playbook, ServicePolicy
from coalmine_aggregator.paging.escalation import Policy, Step
from coalmine_aggregator.paging.gaps import PAGING, gaps
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.person import Person
from coalmine_aggregator.paging.policy import PagingPolicy, Route, Traits
from coalmine_aggregator.paging.target import Target

WIKI = Playbook("https://wiki.example")
INGEST = ServicePolicy("ingest", 0.001, "ingest-oncall", (WIKI,))
OWN = ServicePolicy("", 0.0, "sre", (WIKI,))
MAIL = Target("mail", "anna")
FULL = PagingPolicy(
    receivers={"mail": Traits(address="mail")},
    routes=(Route(to=(MAIL,), escalation="up"),),
    escalations={"up": Policy((Step(600.0, (MAIL,)),))},
    people={"anna": Person(mail="anna@example.com")},
)


def test_nothing_is_left_open() -> None:
    assert gaps(FULL, {"ingest": INGEST}, OWN) == []


def test_rules_without_owner_and_playbook() -> None:
    only_loss = Playbook("https://wiki.example", classes=(AlertClass.LOSS,))
    bare = INGEST._replace(owner="", playbooks=(only_loss,))
    assert gaps(FULL, {"ingest": bare}, OWN) == [
        "services.ingest: its pages name no owner",
        "services.ingest: no playbook for pages of blind, burn",
    ]


def test_where_nodes_may_be_withdrawn_there_are_more_pages() -> None:
    known = tuple(Playbook("https://w", classes=(each,)) for each in PAGING)
    rules = INGEST._replace(playbooks=known)
    assert gaps(FULL, {"ingest": rules, "logs": rules._replace(name="logs")}, OWN, ["ingest"]) == [
        "services.ingest: no playbook for pages of remediation_freeze, remediation_revert"
    ]


def test_pages_that_no_route_takes() -> None:
    narrow = Route(Match(labels=(("region", "eu-*"),)), (MAIL,), escalation="up")
    ours = Route(Match(services=("_fleet",)), (MAIL,))
    assert gaps(FULL._replace(routes=(narrow, ours)), {"ingest": INGEST}, OWN) == [
        "services.ingest: no route takes pages of loss, blind, burn; they go to the fallback"
    ]


def test_nobody_people_and_what_is_never_used() -> None:
    policy = FULL._replace(routes=(Route(to=(MAIL,)),), people={**FULL.people, "ben": Person()})
    assert gaps(policy, {"ingest": INGEST}, OWN) == [
        "paging.people.ben: has no address",
        "paging.escalations.up: no route uses it",
    ]
    assert gaps(PagingPolicy({}), {"ingest": INGEST}, OWN) == [
        "nobody hears of alerts: notify has no receiver"
    ]
