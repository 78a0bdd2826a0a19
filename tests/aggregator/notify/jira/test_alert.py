"""Requests of the alert API, held to what is documented by a stand-in's own check."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.alerts import Change, Severity, Transition
from coalmine_aggregator.notify.jira.alert import alias_of, requests_of
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.notice import Notice
from tests.aggregator.store.samples import acknowledged, alert, changed, closed, opened
from tests.servers.alert_api import problems

LINKS = Links("https://coalmine.example")


def actions(transition: Transition) -> list[str]:
    """What is asked, and of which alert."""
    return [
        f"{request.body['priority']} {request.body['alias']}" if not request.path else request.path
        for request in requests_of(Notice((transition,)), (), ())
    ]


def test_what_is_opened_is_made() -> None:
    (request,) = requests_of(
        Notice((opened(),), links=LINKS), [{"type": "team", "name": "ops"}], ["prod", "coalmine"]
    )
    body = request.body
    assert request.path == ""
    assert body["message"] == "Restore ingest UDP: 100% lost, all regions"
    assert body["description"].startswith("ASSESS        44 of 44 udp datapoints lost in 2 s")
    assert body["alias"] == alias_of(alert(), Severity.PAGE)
    assert body["priority"] == "P1"
    assert body["tags"] == ["coalmine", "prod", "ingest", "loss"]
    assert body["entity"] == "protocol=udp"
    assert body["source"] == "coalmine prod"
    assert body["responders"] == [{"type": "team", "name": "ops"}]
    assert body["details"]["view"] == LINKS.view(alert())
    assert body["details"]["dedup_key"] == "prod/ingest/loss/1"


def test_a_ticket_is_an_alert_of_its_own() -> None:
    ticket = alert()._replace(severity=Severity.TICKET)
    page, low = alias_of(alert(), Severity.PAGE), alias_of(alert(), Severity.TICKET)
    assert actions(opened()._replace(alert=ticket)) == [f"P3 {low}"]
    assert actions(changed()._replace(alert=ticket)) == [
        f"P3 {low}",
        f"/{low}/notes?identifierType=alias",
    ]
    # It becomes a page.
    assert actions(changed()) == [
        f"P1 {page}",
        f"/{low}/close?identifierType=alias",
        f"/{page}/notes?identifierType=alias",
    ]
    assert actions(acknowledged()) == [f"/{page}/acknowledge?identifierType=alias"]
    assert sorted(actions(closed())) == sorted(
        f"/{alias}/close?identifierType=alias" for alias in (low, page)
    )


def test_who_acknowledged_is_named() -> None:
    (request,) = requests_of(Notice((acknowledged(),)), (), ())
    assert request.body["user"] == "anna"
    assert "TAKEN         by anna" in request.body["note"]


def test_aliases_stand_in_an_address_as_they_are_and_stay_apart() -> None:
    names = ["ingest", "in/gest", "in gest", "in-gest", "é", "x" * 600, "x" * 601]
    aliases = {alias_of(alert(service=name), severity) for name in names for severity in Severity}
    assert len(aliases) == len(names) * len(Severity)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,250}", alias) for alias in aliases)
    assert alias_of(alert(1), Severity.PAGE) == alias_of(alert(2)._replace(scope=()), Severity.PAGE)


anything = st.text(max_size=3000)


@given(
    st.text(min_size=1, max_size=700),
    anything,
    st.lists(anything, max_size=30),
    st.sampled_from(Change),
)
def test_no_names_or_texts_break_the_rules(
    service: str, owner: str, tags: list[str], change: Change
) -> None:
    shown = alert(service=service)._replace(
        owner=owner, note=owner, acknowledged_by=owner, scope=(("region", service),)
    )
    transition = {
        Change.OPENED: opened(),
        Change.CHANGED: changed(),
        Change.ACKNOWLEDGED: acknowledged(),
        Change.CLOSED: closed(),
    }[change]._replace(alert=shown)
    for request in requests_of(Notice((transition,)), (), [tag for tag in tags if tag.strip()]):
        action = request.path.partition("?")[0].rpartition("/")[2] or "create"
        assert problems(request.body, action) == []
