"""PagerDuty's webhooks as it documents them: signatures over the very bytes, and what they say."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.model.acknowledgement import Acknowledgement
from coalmine_aggregator.notify.pagerduty.event import dedup_key
from coalmine_aggregator.notify.pagerduty.hook import PagerDutyHook
from tests.aggregator.store.samples import alert

SECRET = "a-strong-and-unique-secret"
HOOK = PagerDutyHook([SECRET])

# The example of the documentation of version 3, shortened to what an acknowledgement has.
EVENT: dict[str, Any] = {
    "id": "5ac64822-4adc-4fda-ade0-410becf0de4f",
    "event_type": "incident.acknowledged",
    "resource_type": "incident",
    "occurred_at": "2020-10-02T18:45:22.169Z",
    "agent": {"id": "PLH1HKV", "summary": "Tenex Engineer", "type": "user_reference"},
    "client": {"name": "PagerDuty"},
    "data": {
        "id": "PGR0VU2",
        "type": "incident",
        "number": 2,
        "status": "acknowledged",
        "incident_key": "prod/ingest/loss/1",
        "title": "A little bump in the road",
        "priority": None,
    },
}


def body(**changes: Any) -> bytes:
    return json.dumps({"event": {**EVENT, **changes}}).encode()


def signed(of: bytes, *secrets: str) -> dict[str, str]:
    signatures = [hmac.new(key.encode(), of, hashlib.sha256).hexdigest() for key in secrets]
    return {"X-PagerDuty-Signature": ",".join(f"v1={each}" for each in signatures)}


def test_what_is_signed_is_authentic_to_the_byte() -> None:
    message = body()
    headers = signed(message, SECRET)
    assert HOOK.authentic(headers, message)
    assert not HOOK.authentic(headers, message + b" ")
    assert not HOOK.authentic(headers, message.replace(b"Tenex", b"Tenet"))
    assert not HOOK.authentic(signed(message, "another-secret-of-theirs"), message)
    assert not HOOK.authentic({}, message)


def test_a_known_signature() -> None:
    """Computed by openssl dgst -sha256 -hmac secret."""
    known = "v1=fcfaffa7fef86515c7beb6b62d779fa4ccf092f2e61c164376054271252821ff"
    hook = PagerDutyHook(["secret"])
    assert hook.authentic({"X-PagerDuty-Signature": known}, b"Hello, World!")


def test_while_a_secret_is_rotated_either_counts_on_both_sides() -> None:
    message = body()
    old, new = "the-old-secret-of-theirs", SECRET
    assert HOOK.authentic(signed(message, old, new), message)
    assert PagerDutyHook([old, new]).authentic(signed(message, new), message)


@pytest.mark.parametrize(
    "header", ["", "v1=", "v0=abc", "v1", ",,,", "v1=é", "v1=" + "0" * 64, "v1=\udcff", "v1=x," * 1000]
)
def test_odd_signatures_are_none(header: str) -> None:
    assert not HOOK.authentic({"X-PagerDuty-Signature": header}, body())


def test_other_versions_beside_are_passed_over() -> None:
    message = body()
    header = "v2=abc, " + signed(message, SECRET)["X-PagerDuty-Signature"]
    assert HOOK.authentic({"X-PagerDuty-Signature": header}, message)


def test_who_acknowledged_what() -> None:
    assert HOOK.acknowledgement(body()) == Acknowledgement(
        "prod/ingest/loss/1",
        "Tenex Engineer via PagerDuty",
        1601664322.169,
        "5ac64822-4adc-4fda-ade0-410becf0de4f",
    )
    assert HOOK.is_about(alert(), "prod/ingest/loss/1")
    assert not HOOK.is_about(alert(), "prod/ingest/loss/2")


def test_long_keys_are_known_as_they_were_sent() -> None:
    long = alert(service="x" * 300)
    assert not HOOK.is_about(long, long.dedup_key)
    assert HOOK.is_about(long, dedup_key(long.dedup_key))


@pytest.mark.parametrize(
    "event_type", ["incident.resolved", "incident.triggered", "pagey.ping", "service.updated", "x"]
)
def test_nothing_else_acknowledges(event_type: str) -> None:
    assert HOOK.acknowledgement(body(event_type=event_type)) is None


def test_our_own_word_that_comes_back_is_nobodys() -> None:
    agent = {"type": "events_api_v2_inbound_integration_reference", "summary": "Coalmine"}
    assert HOOK.acknowledgement(body(agent=agent)) is None


@pytest.mark.parametrize(
    ("agent", "by"),
    [
        (None, "somebody via PagerDuty"),
        ({"type": "user_reference", "summary": None}, "somebody via PagerDuty"),
        ({"type": "user_reference", "summary": "A\n<!here>\x1b[2J"}, "A <!here> [2J via PagerDuty"),
        ({"type": "user_reference", "summary": "x" * 5000}, "x" * 99 + "… via PagerDuty"),
    ],
)
def test_names_are_one_line_and_bounded(agent: object, by: str) -> None:
    found = HOOK.acknowledgement(body(agent=agent))
    assert found is not None
    assert found.by == by


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"event": {"id": "x"}}',
        body(occurred_at="yesterday"),
        body(occurred_at="2020-10-02T18:45:22"),
        body(data=[]),
        body(data={"incident_key": 5}),
        body(id=7),
    ],
)
def test_what_is_no_message_of_theirs(message: bytes) -> None:
    with pytest.raises(ValueError):
        HOOK.acknowledgement(message)


@given(st.binary(max_size=300))
def test_nothing_breaks_it(message: bytes) -> None:
    assert not HOOK.authentic({"X-PagerDuty-Signature": message.decode("latin-1")}, message)
    try:
        HOOK.acknowledgement(message)
    except ValueError:
        pass
