"""Outgoing webhooks of Opsgenie and Jira Service Management: a secret, and who acknowledged what."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from coalmine_aggregator.model.acknowledgement import Acknowledgement
from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.notify.jira.alert import alias_of
from coalmine_aggregator.notify.jira.hook import AlertApiHook
from tests.aggregator.store.samples import alert

SECRET = "a-secret-of-our-own"
HOOK = AlertApiHook("Opsgenie", [SECRET, "the-next-of-our-own"])

# The documented example of an acknowledgement.
MESSAGE: dict[str, Any] = {
    "source": {"name": "", "type": "web"},
    "alert": {
        "updatedAt": 1420452224764002246,
        "tags": ["tag1", "tag2"],
        "message": "test alert",
        "username": "fili@ifountain.com",
        "alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c",
        "source": "fili@ifountain.com",
        "alias": "aliastest",
        "tinyId": "23",
        "createdAt": 1420452191104,
        "userId": "daed1180-0ce8-438b-8f8e-57e1a5920a2d",
        "entity": "",
    },
    "action": "Acknowledge",
    "integrationId": "37c8f316-17c6-49d7-899b-9c7e540c048d",
    "integrationName": "Integration1",
}


def body(action: str = "Acknowledge", **changes: Any) -> bytes:
    return json.dumps({**MESSAGE, "action": action, "alert": {**MESSAGE["alert"], **changes}}).encode()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Coalmine-Hook-Secret": SECRET},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": f"bearer  {SECRET}"},
        {"Authorization": basic("opsgenie", SECRET)},
        {"Authorization": basic("", "the-next-of-our-own")},
    ],
)
def test_the_secret_opens(headers: dict[str, str]) -> None:
    assert HOOK.authentic(headers, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Coalmine-Hook-Secret": ""},
        {"X-Coalmine-Hook-Secret": "é\udcff"},
        {"X-Coalmine-Hook-Secret": SECRET + "x"},
        {"Authorization": SECRET},
        {"Authorization": f"Digest {SECRET}"},
        {"Authorization": "Basic ==="},
        {"Authorization": "Basic é"},
        {"Authorization": basic(SECRET, "")},
    ],
)
def test_nothing_else_does(headers: dict[str, str]) -> None:
    assert not HOOK.authentic(headers, b"")


def test_who_acknowledged_what() -> None:
    found = HOOK.acknowledgement(body())
    assert found is not None
    assert found.at == pytest.approx(1420452224.764)
    assert found._replace(at=None) == Acknowledgement("aliastest", "fili@ifountain.com via Opsgenie")
    named = AlertApiHook("Jira", ["x"]).acknowledgement(body(username=None, updatedAt=1420452191104))
    assert named is not None
    assert named == Acknowledgement("aliastest", "somebody via Jira", named.at)
    assert named.at == pytest.approx(1420452191.104)


def test_an_alert_is_known_by_its_alias_as_it_stands() -> None:
    ticket = alert()._replace(severity=Severity.TICKET)
    assert HOOK.is_about(alert(), alias_of(alert(), Severity.PAGE))
    assert not HOOK.is_about(alert(), alias_of(alert(), Severity.TICKET))
    assert HOOK.is_about(ticket, alias_of(alert(), Severity.TICKET))


@pytest.mark.parametrize("at", [None, 0, -5])
def test_a_message_may_not_say_when(at: int | None) -> None:
    found = HOOK.acknowledgement(body(updatedAt=at))
    assert found is not None
    assert found.at is None


@pytest.mark.parametrize("action", ["Create", "Close", "UnAcknowledge", "AddNote", "acknowledge"])
def test_nothing_else_acknowledges(action: str) -> None:
    assert HOOK.acknowledgement(body(action)) is None


@pytest.mark.parametrize(
    "message", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"action": "Acknowledge"}', body(alias=5)]
)
def test_what_is_no_message_of_theirs(message: bytes) -> None:
    with pytest.raises(ValueError):
        HOOK.acknowledgement(message)
